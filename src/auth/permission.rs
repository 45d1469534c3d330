//! Who may ask what: one permission per root field of the API, and per noun that is reached through
//! another, with the roles it is open to. Nobody else may: a role that is not named is refused.
//!
//! Why the rows are as they are (policy sections 4 and 5.2, process document T-ONB-010): Sales finalises
//! agreements and initiates; the onboarding manager runs engagements; technicians carry out technical steps
//! and jobs; the account manager plans the offboarding and speaks with the client; Billing settles; Compliance
//! is the designated authority, which decides, vetoes and plans sanitization, but does not carry it out; the
//! approvers of deviations and the Director decide; operators watch and steer jobs; an integration
//! registers what it finds, and reads; Admin manages people and keys and **decides nothing**; a client's contact reads
//! and decides for its own client only.
//!
//! Deliberately absent, because they need more than the role, and `app` therefore checks them in the deed: the
//! scope (which clients), a step's own role and assignee, a decision's required roles and quorum, four eyes,
//! gates. A permission here opens the door; it does not end the questions.
//!
//! To add one, add a row in `permission_table.rs`; the snapshot and `docs/permissions.md` then ask for a new look.

use std::fmt::Write as _;

use crate::{
    auth::Actor,
    domain::role::Role,
    error::{Error, Result},
};

pub use super::permission_table::{Permission, TABLE};

/// Where a permission is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Surface {
    /// A field of `Query`.
    Query,
    /// A field of `Mutation`.
    Mutation,
    /// A field of `Subscription`.
    Subscription,
    /// A noun without a root field of its own, reached through another noun or by `node`.
    Node,
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// What may be asked.
    pub permission: Permission,
    /// Where.
    pub surface: Surface,
    /// The field of the API, or the noun, in lower camel case.
    pub field: &'static str,
    /// Who may ask.
    pub roles: &'static [Role],
}

impl Permission {
    /// The permission of a root field by its name in the API, such as `clientCreate`.
    pub fn of_field(field: &str) -> Option<Self> {
        TABLE.iter().find(|row| row.field == field && row.surface != Surface::Node).map(|row| row.permission)
    }

    /// Its line of the table.
    pub fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }

    /// The field of the API, or the noun.
    pub fn field(self) -> &'static str {
        self.row().field
    }
}

impl Actor {
    /// Whether one of its roles opens `permission`.
    pub fn may(&self, permission: Permission) -> bool {
        permission.row().roles.iter().any(|&role| self.has(role))
    }

    /// Passes when one of its roles opens `permission`.
    ///
    /// # Errors
    /// `Forbidden` otherwise.
    pub fn require(&self, permission: Permission) -> Result<()> {
        if self.may(permission) {
            return Ok(());
        }
        Err(Error::Forbidden("None of your roles allows this. `viewer { permissions }` lists what they do allow."))
    }

    /// Everything its roles open, in the table's order.
    pub fn permissions(&self) -> impl Iterator<Item = Permission> {
        TABLE.iter().map(|row| row.permission).filter(|&permission| self.may(permission))
    }
}

/// The table as the document `docs/permissions.md`.
pub fn render() -> String {
    let mut text = String::from(INTRODUCTION);
    for (surface, title) in [
        (Surface::Query, "Queries"),
        (Surface::Mutation, "Mutations"),
        (Surface::Subscription, "Subscriptions"),
        (Surface::Node, "Nouns reached through another"),
    ] {
        text.push_str(&section(surface, title));
    }
    text
}

const INTRODUCTION: &str = "# Who may ask what

Generated from `src/auth/permission_table.rs`; a test compares the two. A dot opens the field to the role; everything
else is refused with `FORBIDDEN`. Beyond the role, the server also checks the caller's clients, a step's own role, the
roles a decision requires, and four eyes.

";

fn section(surface: Surface, title: &str) -> String {
    let mut text = format!("## {title}\n\n| field |");
    for role in Role::ALL {
        _ = write!(text, " {} |", role.as_str().to_lowercase().replace('_', " "));
    }
    text.push_str("\n|---|");
    text.push_str(&":-:|".repeat(Role::ALL.len()));
    for row in TABLE.iter().filter(|row| row.surface == surface) {
        _ = write!(text, "\n| `{}` |", row.field);
        for role in Role::ALL {
            text.push_str(if row.roles.contains(role) { " ● |" } else { "  |" });
        }
    }
    text.push_str("\n\n");
    text
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashSet};

    use super::*;
    use crate::domain::decision::DecisionKind;
    use crate::{auth::ClientScope, ids::ActorId};

    const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/permissions.md");

    fn acting_as(role: Role) -> Actor {
        Actor::for_test(ActorId::System, [role], ClientScope::for_test([]))
    }

    #[test]
    fn every_role_may_exactly_what_the_committed_snapshot_says() {
        let mut text = String::new();
        for row in TABLE {
            for &role in Role::ALL {
                let actor = acting_as(role);
                let answer = if actor.may(row.permission) { "may" } else { "-" };
                assert_eq!(actor.require(row.permission).is_ok(), actor.may(row.permission));
                _ = writeln!(text, "{:<24} {:<24} {answer}", row.field, role.as_str());
            }
        }
        insta::assert_snapshot!("role_by_permission", text);
    }

    #[test]
    fn the_committed_document_is_the_table() {
        let rendered = render();
        if std::fs::read_to_string(DOCUMENT).unwrap_or_default() != rendered {
            std::fs::write(format!("{DOCUMENT}.new"), rendered).unwrap();
            panic!("the table changed: look at it, then mv docs/permissions.md.new docs/permissions.md");
        }
    }

    #[test]
    fn a_permission_finds_its_own_row_and_no_field_stands_twice() {
        let mut seen = HashSet::new();
        for row in TABLE {
            assert_eq!(row.permission.row().permission, row.permission);
            assert!(seen.insert((row.field, row.surface)), "{} stands twice", row.field);
            let unique: BTreeSet<_> = row.roles.iter().collect();
            assert_eq!(unique.len(), row.roles.len(), "{} names a role twice", row.field);
        }
        assert_eq!(Permission::of_field("clientCreate"), Some(Permission::ClientCreate));
        assert_eq!(Permission::of_field("agreement"), None);
        assert_eq!(Permission::of_field("nonsense"), None);
    }

    #[test]
    fn without_a_role_nothing_is_open_and_roles_add_up() {
        assert_eq!(Actor::system().permissions().count(), 0);
        let mut actor = acting_as(Role::Sales);
        let alone = actor.permissions().count();
        actor.roles.insert(Role::Admin);
        assert!(actor.may(Permission::AgreementRecord) && actor.may(Permission::ApiKeyCreate));
        assert!(actor.permissions().count() > alone);
    }

    #[test]
    fn admin_and_integrations_decide_nothing_and_contacts_change_only_their_own_part() {
        let deciding = [
            Permission::DecisionVote,
            Permission::DecisionDelegate,
            Permission::AgreementSign,
            Permission::EngagementConclude,
            Permission::FactsVerify,
            Permission::JobStart,
        ];
        for role in [Role::Admin, Role::Integration] {
            assert!(deciding.iter().all(|&permission| !acting_as(role).may(permission)), "{role}");
        }
        let of_contact: Vec<_> = acting_as(Role::ClientContact)
            .permissions()
            .filter(|permission| permission.row().surface == Surface::Mutation)
            .map(Permission::field)
            .collect();
        assert_eq!(
            of_contact,
            [
                "agreementSign",
                "recipientKeyRegister",
                "recipientKeyRevoke",
                "recipientKeyConfirm",
                "decisionVote",
                "dataReturnAcknowledge"
            ]
        );
    }

    #[test]
    fn whoever_a_decision_asks_may_vote() {
        for kind in DecisionKind::ALL {
            for role in kind.rule().roles() {
                assert!(acting_as(role).may(Permission::DecisionVote), "{kind} asks {role}");
            }
        }
    }

    #[test]
    fn whoever_plans_a_sanitization_as_compliance_does_not_start_it() {
        let compliance = acting_as(Role::Compliance);
        assert!(compliance.may(Permission::JobPlan) && !compliance.may(Permission::JobStart));
    }
}
