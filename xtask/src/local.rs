//! `cargo xtask local …`: a local cloud for trying things out.

mod children;
mod detach;
mod operate;
mod show;
mod state;
mod up;

pub(crate) use operate::{down, event, policy, status};
pub(crate) use show::addresses as show_addresses;
pub(crate) use state::Place;
pub(crate) use up::{Signals, already, up};
