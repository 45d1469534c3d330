//! A deployment to break: a database, hints, worker processes that can be killed, and what has to be true in
//! the end whatever was done to it.

pub(crate) mod data;
pub(crate) mod database;
pub(crate) mod lab;
pub(crate) mod ledger;
pub(crate) mod package;
pub(crate) mod process;
pub(crate) mod service;
pub(crate) mod site;
pub(crate) mod stack;
pub(crate) mod wire;
