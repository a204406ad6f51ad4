//! Images that the operator may have been told of, or not: a plan cannot see which.

use moco_api::constants::containers;
use moco_resources::Images;

use super::made::SAME;

/// The images of an operator that was told all of them.
pub(super) fn all() -> Images {
    let same = || SAME.to_owned();
    Images {
        moco: same(),
        fluent_bit: Some(same()),
        exporter: Some(same()),
    }
}

/// One note for each image that the plan counts on. `matters` answers whether the plan is another one
/// with these images.
pub(super) fn notes(matters: impl Fn(&Images) -> bool) -> Vec<String> {
    let without_fluent_bit = Images {
        fluent_bit: None,
        ..all()
    };
    let without_exporter = Images {
        exporter: None,
        ..all()
    };
    let lacks = [
        (
            without_fluent_bit,
            containers::SLOW_LOG,
            "--fluent-bit-image",
        ),
        (
            without_exporter,
            containers::EXPORTER,
            "--mysqld-exporter-image",
        ),
    ];
    let counts = lacks.iter().filter(|(images, ..)| matters(images));
    let note = |(_, container, option): &(Images, &str, &str)| {
        format!(
            "this counts on an operator with the option {option}; without it no pod has a container {container}, \
             and what the manifest says of it does nothing"
        )
    };
    counts.map(note).collect()
}
