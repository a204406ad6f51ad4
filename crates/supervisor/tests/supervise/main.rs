//! Real processes: supervise, agents, and small programs in mysqld's place.

#[cfg(test)]
mod agent_restarts;
#[cfg(test)]
mod endings;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod mysqld;

/// Not a test: what the processes that the tests start are made of. Without being asked it does nothing.
#[test]
fn role_supervise() {
    harness::be_supervise_if_asked();
}

/// Not a test, like `role_supervise`.
#[test]
fn role_agent() {
    harness::be_agent_if_asked();
}
