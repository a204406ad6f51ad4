//! Contract with a real mysqld: which variables it lets be set while it runs, as `kubectl moco plan` says.

use std::collections::BTreeSet;

use moco_model::Account;

use crate::support::{lab, run};

const DYNAMIC: &str = include_str!("../../../plugin/src/plan/dynamic.txt");

/// The variable is read only; it belongs to sessions alone.
const NOT_DYNAMIC: [u16; 2] = [1238, 1228];

#[test]
fn the_variables_that_can_be_set_while_it_runs_are_those_of_the_list() {
    let Some(lab) = lab() else { return };
    let [server] = lab.prepared();
    run(async {
        let mut admin = server.sql(Account::Admin).await;
        let listed: BTreeSet<_> = DYNAMIC.lines().map(str::to_owned).collect();
        admin.run("SET group_concat_max_len = 1000000").await;
        let names: String = admin
            .value("SELECT GROUP_CONCAT(VARIABLE_NAME) FROM performance_schema.global_variables")
            .await;
        let names: Vec<_> = names.split(',').map(str::to_owned).collect();
        assert!(names.len() > 500, "{}", names.len());
        let mut found = BTreeSet::new();
        for name in names {
            let own = format!("SET GLOBAL {name} = @@GLOBAL.{name}");
            let refused = match admin.attempt(&own).await {
                Err(mysql_async::Error::Server(error)) => NOT_DYNAMIC.contains(&error.code),
                tried => tried.map(|()| false).unwrap(),
            };
            if !refused {
                found.insert(name);
            }
        }
        assert_eq!(
            found.difference(&listed).collect::<Vec<_>>(),
            Vec::<&String>::new()
        );
        assert_eq!(
            listed.difference(&found).collect::<Vec<_>>(),
            Vec::<&String>::new()
        );
    });
}
