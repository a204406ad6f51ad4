//! How long clients cannot write.

use moco_model::MemberId;

use super::{Reach, Side, Situation};

/// What one switchover costs. The figure stands on that page only, with what it was measured by.
const SWITCHOVER: &str = "holds writes up as measured in docs/kubectl-moco.md, \
                          \"How long a switchover holds writes up\"";

/// What clients that write notice of a change.
pub(super) fn writes(
    situation: &Situation,
    before: &Side,
    after: &Side,
    reach: Reach,
) -> Vec<String> {
    if after.offline != before.offline {
        let said = if after.offline {
            "there are no writes, and no reads, until spec.offline is false again"
        } else {
            "writes are taken again when the primary and enough replicas run"
        };
        return vec![said.to_owned()];
    }
    let mut said = Vec::new();
    let primary = situation.register.as_ref().map(|register| register.primary);
    if primary.is_some_and(|primary| primary.0 >= after.replicas) {
        said.push(format!(
            "the primary is removed and hands over first: one switchover, which {SWITCHOVER}"
        ));
    }
    if reach == Reach::NewPods {
        said.push(restart(situation, after, primary));
    }
    said
}

fn restart(situation: &Situation, after: &Side, primary: Option<MemberId>) -> String {
    let pod = |member: MemberId| situation.cluster.pod_name(member);
    if after.replicas == 1 {
        return "nobody takes over from the only member: there are no writes from the end of its mysqld \
                until it has started again"
            .to_owned();
    }
    match primary {
        Some(primary) if primary.0 > 0 => format!(
            "a switchover when {} is deleted, and another one when the member that takes over is made anew \
             after it; each {SWITCHOVER}",
            pod(primary)
        ),
        _ => format!(
            "one switchover, when {} is deleted, the last one; it {SWITCHOVER}",
            pod(MemberId(0))
        ),
    }
}
