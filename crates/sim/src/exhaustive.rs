//! A small world, searched to its end: the product's planner and linter over members that are little
//! state machines, with every order of events that a few faults allow.
//!
//! What is real: `decide` and `check`. What is modelled: the agent, whose orders are in one piece or
//! cut after the promise; mysqld; links; one or two controllers with plans that may be old. States
//! that differ in nothing but which of the two controllers is which are one state. Members are not
//! interchanged: the planner prefers lower numbers.
//!
//! What cannot be found here: whatever needs time, SQL, or an agent that is half-way through a
//! statement. That is the swarm's.
//!
//! Start reading at [`state::State`] and [`moves::moves`].

#![expect(
    clippy::indexing_slicing,
    reason = "a table of fixed size, indexed by members and writes that are counted from 0; a wrong index is a defect of the search and must stop it"
)]

pub mod budget;
pub mod controller;
pub mod digest;
pub mod lens;
pub mod member;
pub mod moves;
pub mod report;
pub mod scenario;
pub mod search;
pub mod server;
pub mod settle;
pub mod state;
pub mod view;
