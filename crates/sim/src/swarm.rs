//! Long runs drawn at random: the real planner, pass, agent and SQL among fakes, with faults at any
//! moment. One seed is one run.
//!
//! [`executor`] drives every task on one thread in virtual time and draws who goes next. [`scene`] is
//! everything that the tasks share. [`host`] is the machine that an agent runs on, [`controller`] the
//! surroundings of a controller's pass, [`client`] who reads and writes. [`fault`] is what goes wrong,
//! [`moment`] at which step of a procedure, [`judge`] what must hold nevertheless, [`run`] one run from its plan to its verdict, [`story`] a run
//! as text, [`draw`] the plan of a seed, [`hunt`] many runs.
//!
//! Start reading at [`run::run`].

pub mod client;
pub mod controller;
pub mod draw;
pub mod executor;
pub mod fault;
pub mod host;
pub mod hunt;
pub mod judge;
pub mod kind;
pub mod machine;
pub mod moment;
pub mod motions;
pub mod network;
pub mod pod;
pub mod report;
pub mod rng;
pub mod run;
pub mod scene;
pub mod story;
