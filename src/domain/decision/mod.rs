//! One mechanism for every approval: who must agree, who has, and what follows.
//!
//! Invariants: the [`outcome`] is a pure function of the rule and the votes; one refusal refuses; a
//! person counts once, whatever roles it holds and whoever delegated to it; whoever asked never votes.
//! A decided question stays decided: to change an answer, ask again.
//!
//! Deliberately absent: changing a vote. A vote is a deed with a name on it.
//!
//! Long because a rule, what it makes of the votes and who may cast one are one piece of reasoning.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    domain::{Invalid, Refused, role::Role, step_to},
    ids::{ActorId, ClientId, DecisionId, EngagementId},
};

words! {
    /// What is asked.
    DecisionKind {
        /// May the run leave the process?
        Exception = "EXCEPTION",
        /// Does this version of a process stand?
        ProcessVersion = "PROCESS_VERSION",
        /// May the client's data be destroyed? Only the client says so.
        DestructionConfirmation = "DESTRUCTION_CONFIRMATION",
        /// May the provider enter the client's systems?
        AccessApproval = "ACCESS_APPROVAL",
        /// When may access be taken away?
        CoordinationWindow = "COORDINATION_WINDOW",
        /// May a holding stay, because a clause of the contract says so?
        ToolRetention = "TOOL_RETENTION",
        /// May something in use be changed?
        Change = "CHANGE",
        /// Does this plan of a run stand?
        Plan = "PLAN",
        /// Does the client accept a report?
        ReportAcceptance = "REPORT_ACCEPTANCE",
        /// Does the client do without a receipt for returned data?
        ReceiptWaiver = "RECEIPT_WAIVER",
        /// May a job do exactly what its plan says?
        JobPlan = "JOB_PLAN",
        /// Is what a certificate says of a destruction enough for the data?
        Validation = "VALIDATION",
    }
}

words! {
    /// Where a question stands.
    DecisionState {
        /// Votes are missing.
        Open = "OPEN",
        /// Every quorum was met.
        Granted = "GRANTED",
        /// Somebody refused.
        Refused = "REFUSED",
        /// Taken back.
        Withdrawn = "WITHDRAWN",
        /// Nobody answered in time.
        Expired = "EXPIRED",
    }
}

words! {
    /// What may be done with a question, as the participle a refusal uses.
    DecisionVerb {
        /// The last quorum is met.
        Grant = "granted",
        /// Somebody refuses.
        Refuse = "refused",
        /// Whoever asked no longer wants to know.
        Withdraw = "withdrawn",
        /// Its time runs out.
        Expire = "expired",
    }
}

impl DecisionState {
    /// The state after `verb`.
    ///
    /// # Errors
    /// [`Refused`] when the present state does not allow it.
    pub fn after(self, verb: DecisionVerb) -> Result<Self, Refused> {
        let to = match verb {
            DecisionVerb::Grant => Self::Granted,
            DecisionVerb::Refuse => Self::Refused,
            DecisionVerb::Withdraw => Self::Withdrawn,
            DecisionVerb::Expire => Self::Expired,
        };
        step_to("decision", self, verb, (&[Self::Open], to))
    }
}

words! {
    /// One person's answer.
    Verdict {
        /// Yes.
        Grant = "GRANT",
        /// No; one is enough.
        Refuse = "REFUSE",
    }
}

/// So many people out of these roles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requirement {
    /// Any of these roles will do.
    pub any_of: Vec<Role>,
    /// How many different people; 1 to [`QUORUM_MAX`].
    pub quorum: u8,
}

/// More people than this never decide on one thing.
pub const QUORUM_MAX: u8 = 9;

/// Who must agree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// All of these must be met; at least one.
    pub requirements: Vec<Requirement>,
    /// Whether a requirement may be voted on only when those before it are met.
    pub is_ordered: bool,
}

/// One vote as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vote {
    /// Who.
    pub voter: ActorId,
    /// In which role.
    pub role: Role,
    /// Yes or no.
    pub verdict: Verdict,
    /// Why.
    pub comment: Option<String>,
    /// When.
    pub voted_at: DateTime<Utc>,
}

/// A right to vote that was handed on, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delegation {
    /// Who gave it away, and votes no more in that role.
    pub delegator: ActorId,
    /// Who may vote instead.
    pub delegate: ActorId,
    /// In which role.
    pub role: Role,
    /// When.
    pub delegated_at: DateTime<Utc>,
}

/// A question as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The question's id.
    pub id: DecisionId,
    /// The client it concerns; none for a process.
    pub client_id: Option<ClientId>,
    /// The run it is asked in.
    pub engagement_id: Option<EngagementId>,
    /// What is asked.
    pub kind: DecisionKind,
    /// Where it stands.
    pub state: DecisionState,
    /// The question, in words.
    pub question: String,
    /// What it is about, as a printed id.
    pub subject_id: String,
    /// What exactly is decided on, when that can change: a plan's hash, a content's hash.
    pub subject_hash: Option<String>,
    /// Who must agree.
    pub rule: Rule,
    /// Who asked.
    pub requested_by: ActorId,
    /// When.
    pub requested_at: DateTime<Utc>,
    /// Until when it can be answered.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was answered.
    pub decided_at: Option<DateTime<Utc>>,
    /// Grows with every change.
    pub revision: i32,
}

/// Everything that was answered to a question so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// The votes, in the order they were cast.
    pub votes: Vec<Vote>,
    /// Who handed a right to vote to whom.
    pub delegations: Vec<Delegation>,
}

/// Which questions a list holds. Empty fields allow everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DecisionFilter {
    /// Only these states, as they are now: a question whose time is over counts as expired.
    pub states: Vec<DecisionState>,
    /// Only these kinds.
    pub kinds: Vec<DecisionKind>,
    /// Only those about this client.
    pub client_id: Option<ClientId>,
    /// Only those asked in this run.
    pub engagement_id: Option<EngagementId>,
    /// Only those that ask one of these roles.
    pub asks: Vec<Role>,
    /// Only those whose next vote this person may cast.
    pub awaits: Option<Voter>,
}

/// Somebody who may be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voter {
    /// Who.
    pub id: ActorId,
    /// In which roles.
    pub roles: BTreeSet<Role>,
}

impl Decision {
    /// Where it stands at `now`: its time may be over before anybody wrote that down.
    pub fn state_at(&self, now: DateTime<Utc>) -> DecisionState {
        if self.state == DecisionState::Open && self.expires_at.is_some_and(|expires_at| expires_at <= now) {
            return DecisionState::Expired;
        }
        self.state
    }

    /// The question with what was answered to it.
    pub fn with<'a>(&'a self, answers: &'a Answers) -> Ballot<'a> {
        Ballot { decision: self, votes: &answers.votes, delegations: &answers.delegations }
    }
}

impl DecisionKind {
    /// Who must agree, unless the subject asks for more (an exception on a security step does).
    ///
    /// # Source
    /// Policy 5.2 (management), 3.1.4 and 3.2 (what the client approves and confirms), section 4
    /// (designated authority); T-ONB-010 (the director approves the document).
    pub fn rule(self) -> Rule {
        let one_of = |roles: &[Role]| Requirement { any_of: roles.to_vec(), quorum: 1 };
        let management = || one_of(&[Role::ServiceDeliveryManager, Role::HeadOfOperations]);
        let requirements = match self {
            Self::Exception | Self::ToolRetention | Self::Change | Self::Plan => vec![management()],
            Self::ProcessVersion => vec![one_of(&[Role::Director])],
            Self::Validation => vec![one_of(&[Role::Compliance])],
            Self::DestructionConfirmation
            | Self::AccessApproval
            | Self::CoordinationWindow
            | Self::ReportAcceptance
            | Self::ReceiptWaiver => vec![one_of(&[Role::ClientContact])],
            Self::JobPlan => {
                vec![one_of(&[Role::Operator, Role::ServiceDeliveryManager]), one_of(&[Role::Compliance])]
            }
        };
        Rule { requirements, is_ordered: false }
    }
}

/// What the votes come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Votes are missing.
    Open,
    /// Every quorum is met.
    Granted,
    /// Somebody refused.
    Refused,
}

impl Outcome {
    /// The deed that follows from it, if one does.
    pub const fn verb(self) -> Option<DecisionVerb> {
        match self {
            Self::Open => None,
            Self::Granted => Some(DecisionVerb::Grant),
            Self::Refused => Some(DecisionVerb::Refuse),
        }
    }
}

impl Rule {
    /// Whether the rule can be met at all, and each role says where it belongs.
    ///
    /// # Errors
    /// [`Invalid`] when a requirement is empty or out of bounds, or a role stands in two of them.
    pub fn check(&self) -> Result<(), Invalid> {
        if self.requirements.is_empty() {
            return Err(Invalid::new("Somebody must decide.").remedy("Name at least one role and its quorum."));
        }
        let mut seen = BTreeSet::new();
        for requirement in &self.requirements {
            if requirement.any_of.is_empty() || !(1..=QUORUM_MAX).contains(&requirement.quorum) {
                return Err(Invalid::new(format!("A requirement names roles and a quorum of 1 to {QUORUM_MAX}."))
                    .remedy("Say who is asked, and how many of them must agree."));
            }
            if let Some(twice) = requirement.any_of.iter().find(|role| !seen.insert(**role)) {
                return Err(Invalid::new(format!("The role {twice} stands here twice."))
                    .remedy("Name each role in one requirement."));
            }
        }
        Ok(())
    }

    /// Every role that is asked.
    pub fn roles(&self) -> impl Iterator<Item = Role> {
        self.requirements.iter().flat_map(|requirement| requirement.any_of.iter().copied())
    }

    /// Whether whoever meets this rule has met `floor` too: each of its requirements comes back here with
    /// no other roles and no smaller quorum.
    pub fn is_at_least(&self, floor: &Self) -> bool {
        let is_as_strict = |mine: &Requirement, asked: &Requirement| {
            mine.quorum >= asked.quorum && mine.any_of.iter().all(|role| asked.any_of.contains(role))
        };
        floor.requirements.iter().all(|asked| self.requirements.iter().any(|mine| is_as_strict(mine, asked)))
    }

    /// The requirement that a vote in `role` counts for.
    fn place_of(&self, role: Role) -> Option<usize> {
        self.requirements.iter().position(|requirement| requirement.any_of.contains(&role))
    }

    /// Whether every requirement before `place` is met by `counts`.
    fn is_turn_of(&self, place: usize, counts: &[u8]) -> bool {
        !self.is_ordered || self.requirements[..place].iter().zip(counts).all(|(needed, got)| *got >= needed.quorum)
    }
}

/// How many people granted, for each requirement in its order. Votes must come in the order they were
/// cast; a vote of the requester, a second vote of the same person, and one cast before its turn do not
/// count.
pub fn tally(rule: &Rule, requester: ActorId, votes: &[Vote]) -> Vec<u8> {
    let mut counts = vec![0_u8; rule.requirements.len()];
    let mut counted = BTreeSet::new();
    for vote in votes.iter().filter(|vote| vote.verdict == Verdict::Grant && vote.voter != requester) {
        let Some(place) = rule.place_of(vote.role) else { continue };
        if rule.is_turn_of(place, &counts) && counted.insert(vote.voter) {
            counts[place] = counts[place].saturating_add(1);
        }
    }
    counts
}

/// What `votes`, in the order they were cast, come to.
pub fn outcome(rule: &Rule, requester: ActorId, votes: &[Vote]) -> Outcome {
    let refuses =
        |vote: &Vote| vote.verdict == Verdict::Refuse && vote.voter != requester && rule.place_of(vote.role).is_some();
    if votes.iter().any(refuses) {
        return Outcome::Refused;
    }
    let counts = tally(rule, requester, votes);
    let is_met = !counts.is_empty() && rule.requirements.iter().zip(&counts).all(|(needed, got)| *got >= needed.quorum);
    if is_met { Outcome::Granted } else { Outcome::Open }
}

/// The roles whose votes are missing now. None when the question is answered; with an ordered rule only
/// those whose turn it is.
pub fn awaited(rule: &Rule, requester: ActorId, votes: &[Vote]) -> BTreeSet<Role> {
    if outcome(rule, requester, votes) != Outcome::Open {
        return BTreeSet::new();
    }
    let counts = tally(rule, requester, votes);
    let is_missing =
        |place: usize, requirement: &Requirement| counts[place] < requirement.quorum && rule.is_turn_of(place, &counts);
    let missing = rule.requirements.iter().enumerate().filter(|(place, requirement)| is_missing(*place, requirement));
    missing.flat_map(|(_, requirement)| requirement.any_of.iter().copied()).collect()
}

/// A question with what was answered so far.
#[derive(Clone, Copy, Debug)]
pub struct Ballot<'a> {
    /// The question.
    pub decision: &'a Decision,
    /// The votes, in the order they were cast.
    pub votes: &'a [Vote],
    /// Who handed a right to vote to whom.
    pub delegations: &'a [Delegation],
}

impl Ballot<'_> {
    /// Whether `actor`, who holds `roles`, may vote in `role` at `now`.
    ///
    /// # Errors
    /// [`Refused`] when the question is closed, the actor is who asked, no person, without that right,
    /// has voted, or is not yet asked.
    pub fn may_vote(
        &self,
        actor: ActorId,
        roles: &BTreeSet<Role>,
        role: Role,
        now: DateTime<Utc>,
    ) -> Result<(), Refused> {
        self.may_take_part(actor, now)?;
        let rule = &self.decision.rule;
        let place = rule.place_of(role).ok_or_else(|| Refused::new(format!("Nobody is asked as {role} here.")))?;
        let was_handed_on = self.delegations.iter().any(|d| d.delegator == actor && d.role == role);
        let was_handed = self.delegations.iter().any(|d| d.delegate == actor && d.role == role);
        if was_handed_on && !was_handed {
            return Err(Refused::new("This right to vote was handed on to somebody else."));
        }
        if !was_handed && !roles.contains(&role) {
            return Err(Refused::new(format!("This needs the role {role}."))
                .remedy("Ask somebody who holds it to vote, or to hand the vote on with `decisionDelegate`."));
        }
        if self.votes.iter().any(|vote| vote.voter == actor) {
            return Err(Refused::new("A person votes once."));
        }
        if rule.is_turn_of(place, &tally(rule, self.decision.requested_by, self.votes)) {
            Ok(())
        } else {
            Err(Refused::new("Others decide first.").remedy("Vote when the roles before yours have."))
        }
    }

    /// The role in which `actor`, who holds `roles`, votes at `now` unless it names another one: one whose
    /// vote is missing, or else the first it may vote in.
    ///
    /// # Errors
    /// [`Refused`], with the reason for the role that is closest to being allowed.
    pub fn voting_role(&self, actor: ActorId, roles: &BTreeSet<Role>, now: DateTime<Utc>) -> Result<Role, Refused> {
        let rule = &self.decision.rule;
        let missing = awaited(rule, self.decision.requested_by, self.votes);
        let mut allowed = rule.roles().filter(|role| self.may_vote(actor, roles, *role, now).is_ok()).peekable();
        let first = allowed.peek().copied();
        if let Some(role) = allowed.find(|role| missing.contains(role)).or(first) {
            return Ok(role);
        }
        let was_handed = |role: &Role| self.delegations.iter().any(|d| d.delegate == actor && d.role == *role);
        let closest = rule.roles().find(|role| roles.contains(role) || was_handed(role)).or(rule.roles().next());
        let role = closest.ok_or_else(|| Refused::new("Nobody is asked here."))?;
        self.may_vote(actor, roles, role, now).map(|()| role)
    }

    /// Whether a vote of `actor`, who holds `roles`, is missing at `now`.
    pub fn awaits(&self, actor: ActorId, roles: &BTreeSet<Role>, now: DateTime<Utc>) -> bool {
        let missing = awaited(&self.decision.rule, self.decision.requested_by, self.votes);
        missing.into_iter().any(|role| self.may_vote(actor, roles, role, now).is_ok())
    }

    /// Whether `actor`, who holds `roles`, may hand its vote in `role` to `delegate` at `now`.
    ///
    /// # Errors
    /// [`Refused`] when `actor` could not vote itself or does not hold the role itself, when the role speaks
    /// for the client, or when `delegate` is who asked, the actor itself, no person, or has voted.
    pub fn may_delegate(
        &self,
        actor: ActorId,
        roles: &BTreeSet<Role>,
        role: Role,
        delegate: ActorId,
        now: DateTime<Utc>,
    ) -> Result<(), Refused> {
        self.may_vote(actor, roles, role, now)?;
        if !roles.contains(&role) {
            return Err(Refused::new("What was handed on is not handed on again."));
        }
        if role == Role::ClientContact {
            return Err(Refused::new("What the client says is not said by somebody else.")
                .remedy("Ask another contact of the client to vote."));
        }
        if delegate == actor {
            return Err(Refused::new("A vote is handed on to somebody else."));
        }
        if self.votes.iter().any(|vote| vote.voter == delegate) {
            return Err(Refused::new("Whoever is to vote instead has voted, and a person votes once."));
        }
        self.may_take_part(delegate, now)
    }

    fn may_take_part(&self, actor: ActorId, now: DateTime<Utc>) -> Result<(), Refused> {
        if self.decision.state != DecisionState::Open {
            return Err(Refused::new(format!("This question is {}.", self.decision.state)));
        }
        if self.decision.expires_at.is_some_and(|expires_at| expires_at <= now) {
            return Err(
                Refused::new("The time to answer this question is over.").remedy("Ask again with `decisionRequest`.")
            );
        }
        if actor.user().is_none() {
            return Err(Refused::new("Only a person decides."));
        }
        if actor == self.decision.requested_by {
            return Err(Refused::new("Nobody decides on their own request."));
        }
        Ok(())
    }
}
