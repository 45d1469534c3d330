//! Gangway's table models, one module per table, and nothing else: no rules, no relations, no queries.
//!
//! What a column means is said where it is created, in the `migration` crate. Closed sets of words are
//! plain text here, held to their set by a constraint; `store` reads them into the domain's types.
#![expect(missing_docs, reason = "columns are described in the migration that creates them")]

pub mod agreement;
pub mod api_key;
pub mod certificate;
pub mod challenge;
pub mod checklist_item;
pub mod client;
pub mod connector;
pub mod contact;
pub mod decision;
pub mod decision_delegation;
pub mod decision_role;
pub mod decision_vote;
pub mod engagement;
pub mod event;
pub mod evidence;
pub mod exception;
pub mod fact;
pub mod file;
pub mod holding;
pub mod idempotency;
pub mod job;
pub mod job_plan;
pub mod job_target;
pub mod log_checkpoint;
pub mod log_head;
pub mod log_subtree;
pub mod process;
pub mod process_review;
pub mod process_version;
pub mod recipient_key;
pub mod stakeholder;
pub mod step;
pub mod user;
pub mod worker;
