//! Walking a file from its first transaction to its end.
//!
//! A transaction is what stands between one GTID event and the end that it names. Only the last one
//! may be incomplete or damaged: no replica has read it, so nobody acknowledged it.

use std::io::{self, Read, Seek};
use std::path::Path;

use moco_model::GtidSet;

use super::content::{self, Position};
use super::events::{Event, Events, Found, kind};
use super::gtids::{Begin, Gtids, History};
use super::head::{self, Head};
use super::{Cut, NothingToCut, Obstacle, Tail};

/// How much of an event is kept to be looked at: enough to decompress the first statement of a
/// payload, whose blocks have 128 KiB at most.
const KEPT_BYTES: usize = 256 << 10;

/// Judges an open file; see [`super::judge`].
pub(super) fn judge<R: Read + Seek>(
    path: &Path,
    file: R,
    size: u64,
    history: &GtidSet,
) -> io::Result<Tail> {
    let (head, events) = head::read(file, size)?;
    let refused = |because, transactions| Tail::NotCuttable {
        because,
        transactions,
    };
    let (previous, end) = match head {
        Head::Open { previous, end } => (previous, end),
        Head::Closed => {
            return Ok(Tail::None {
                because: NothingToCut::ClosedCleanly,
            });
        }
        Head::Encrypted => return Ok(refused(Obstacle::Encrypted, GtidSet::new())),
        Head::Unreadable => return Ok(refused(Obstacle::HeadUnreadable, GtidSet::new())),
    };
    if !history.contains(&previous) {
        return Ok(refused(Obstacle::EarlierFiles, previous.subtract(history)));
    }
    let mut walk = Walk {
        events,
        history: History::new(history),
        open: None,
        tail: None,
        transactions: Gtids::default(),
    };
    let walked = walk.go()?;
    Ok(match (walked, walk.transactions.set(), walk.tail) {
        (Err(because), transactions, _) => refused(because, transactions.unwrap_or_default()),
        (Ok(()), None, tail) => {
            let at = tail.unwrap_or_default();
            refused(Obstacle::Malformed { at }, GtidSet::new())
        }
        (Ok(()), _, None) => Tail::None {
            because: NothingToCut::AllInHistory,
        },
        (Ok(()), Some(transactions), Some(at)) => Tail::Cut(Cut {
            file: path.to_owned(),
            at,
            bytes: size.saturating_sub(at),
            transactions,
            head: end,
        }),
    })
}

/// Whose a transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    /// The cluster has it.
    History,
    /// Nobody else has it.
    Tail,
}

/// A transaction whose end was not reached yet.
#[derive(Debug)]
struct Open {
    side: Side,
    end: u64,
    /// How many events of it stand behind its GTID event.
    events: u64,
}

#[derive(Debug)]
struct Walk<'a, R> {
    events: Events<R>,
    history: History<'a>,
    open: Option<Open>,
    /// Where the first transaction that is not in the history starts.
    tail: Option<u64>,
    transactions: Gtids,
}

/// One step: on, or what stands against a cut.
type Step = Result<(), Obstacle>;

impl<R: Read + Seek> Walk<'_, R> {
    /// Goes to the end, or as far as a cut is possible.
    fn go(&mut self) -> io::Result<Step> {
        loop {
            let at = self.events.at();
            if self.open.as_ref().is_some_and(|open| open.end == at) {
                self.open = None;
            }
            let step = match self.events.next(KEPT_BYTES)? {
                Found::Whole(event) => match &mut self.open {
                    Some(open) => {
                        open.events += 1;
                        inside(open, &event, self.events.body())
                    }
                    None => self.between(&event),
                },
                Found::Damaged if self.events.transactions_follow(at)? => {
                    Err(Obstacle::DamagedBeforeEnd { at })
                }
                Found::Damaged | Found::End => return Ok(self.torn(at)),
            };
            if step.is_err() {
                return Ok(step);
            }
        }
    }

    /// An event where a transaction may begin.
    fn between(&mut self, event: &Event) -> Step {
        let at = event.at;
        let body = self.events.body();
        let begin = match event.kind {
            kind::GTID => Begin::plain(body),
            kind::TAGGED_GTID => Begin::tagged(body),
            kind::ANONYMOUS_GTID => return Err(Obstacle::Anonymous { at }),
            kind::ROTATE | kind::STOP => return Ok(()),
            kind => return Err(Obstacle::Unexpected { kind, at }),
        };
        let begin = begin.ok_or(Obstacle::Malformed { at })?;
        let end = at.saturating_add(begin.length);
        if end < event.end() || !event.ends_where_it_says() {
            return Err(Obstacle::Malformed { at });
        }
        let side = match self.history.holds(&begin) {
            None => return Err(Obstacle::Malformed { at }),
            Some(true) if self.tail.is_some() => return Err(Obstacle::HistoryAfterTail { at }),
            Some(true) => Side::History,
            Some(false) => {
                self.tail.get_or_insert(at);
                self.transactions.push(&begin);
                Side::Tail
            }
        };
        self.open = Some(Open {
            side,
            end,
            events: 0,
        });
        Ok(())
    }

    /// The file ends, or is damaged from `at` to the end. What is torn before its GTID needs no cut:
    /// mysqld drops it by itself.
    fn torn(&self, at: u64) -> Step {
        match &self.open {
            Some(open) if open.side == Side::History => Err(Obstacle::HistoryDamaged { at }),
            _ => Ok(()),
        }
    }
}

/// An event of a transaction.
fn inside(open: &Open, event: &Event, body: &[u8]) -> Step {
    let at = event.at;
    if event.end() > open.end {
        return Err(Obstacle::Malformed { at });
    }
    let kind = event.kind;
    let begins_something = matches!(
        kind,
        kind::FORMAT
            | kind::PREVIOUS_GTIDS
            | kind::GTID
            | kind::TAGGED_GTID
            | kind::ANONYMOUS_GTID
            | kind::ROTATE
            | kind::STOP
    );
    if begins_something || kind > kind::LAST || kind == 0 {
        return Err(Obstacle::Unexpected { kind, at });
    }
    if open.side == Side::History {
        return Ok(());
    }
    let position = if open.events > 2 {
        Position::AfterChanges
    } else {
        Position::Beginning
    };
    content::obstacle(event, body, position).map_or(Ok(()), Err)
}
