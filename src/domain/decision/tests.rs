//! The rule against random votes, and every reason for which a vote is not taken.

use chrono::TimeDelta;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::domain::assert_table;

const REQUESTER: u128 = 0;

fn person(number: u128) -> ActorId {
    ActorId::User(Uuid::from_u128(number).into())
}

fn now() -> DateTime<Utc> {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn vote(voter: u128, role: Role, verdict: Verdict) -> Vote {
    Vote { voter: person(voter), role, verdict, comment: None, voted_at: now() }
}

fn two_of_management_then_compliance(is_ordered: bool) -> Rule {
    let requirements = vec![
        Requirement { any_of: vec![Role::ServiceDeliveryManager, Role::HeadOfOperations], quorum: 2 },
        Requirement { any_of: vec![Role::Compliance], quorum: 1 },
    ];
    Rule { requirements, is_ordered }
}

fn decision(rule: Rule) -> Decision {
    Decision {
        id: Uuid::nil().into(),
        client_id: None,
        engagement_id: None,
        kind: DecisionKind::Exception,
        state: DecisionState::Open,
        question: "May the hardware step be skipped?".into(),
        subject_id: "exc_00000000000000000000000000".into(),
        subject_hash: None,
        rule,
        requested_by: person(REQUESTER),
        requested_at: now(),
        expires_at: Some(now() + TimeDelta::days(1)),
        decided_at: None,
        revision: 1,
    }
}

#[test]
fn a_decision_goes_only_these_ways() {
    use DecisionState::{Expired, Granted, Open, Refused, Withdrawn};
    use DecisionVerb::{Expire, Grant, Refuse, Withdraw};
    assert_table(
        DecisionState::ALL,
        DecisionVerb::ALL,
        DecisionState::after,
        &[(Open, Grant, Granted), (Open, Refuse, Refused), (Open, Withdraw, Withdrawn), (Open, Expire, Expired)],
    );
}

#[test]
fn every_kind_has_a_rule_that_can_be_met() {
    for kind in DecisionKind::ALL {
        let rule = kind.rule();
        assert!(rule.check().is_ok(), "{kind}");
        let roles = rule.requirements.iter().flat_map(|needed| &needed.any_of);
        for role in roles {
            assert!(!matches!(role, Role::Admin | Role::Integration), "{kind}: {role} decides nothing");
        }
    }
    let confirms = DecisionKind::DestructionConfirmation.rule().requirements[0].any_of.clone();
    assert_eq!(confirms, [Role::ClientContact], "only the client confirms a destruction");
}

#[test]
fn a_rule_that_makes_no_sense_is_refused() {
    let rule = |requirements| Rule { requirements, is_ordered: false };
    let needs = |any_of: &[Role], quorum| Requirement { any_of: any_of.to_vec(), quorum };
    assert!(rule(vec![]).check().is_err());
    assert!(rule(vec![needs(&[], 1)]).check().is_err());
    assert!(rule(vec![needs(&[Role::Director], 0)]).check().is_err());
    assert!(rule(vec![needs(&[Role::Director], QUORUM_MAX + 1)]).check().is_err());
    assert!(rule(vec![needs(&[Role::Director], 1), needs(&[Role::Sales, Role::Director], 1)]).check().is_err());
    assert!(rule(vec![needs(&[Role::Director], QUORUM_MAX)]).check().is_ok());
}

#[test]
fn without_requirements_nothing_is_granted() {
    let nobody = Rule { requirements: vec![], is_ordered: false };
    assert_eq!(outcome(&nobody, person(REQUESTER), &[]), Outcome::Open);
}

#[test]
fn all_quorums_grant_and_order_matters_only_where_asked() {
    use Role::{Compliance, HeadOfOperations, ServiceDeliveryManager};
    let compliance_first = [
        vote(3, Compliance, Verdict::Grant),
        vote(1, ServiceDeliveryManager, Verdict::Grant),
        vote(2, HeadOfOperations, Verdict::Grant),
    ];
    let reached =
        |is_ordered, votes: &[Vote]| outcome(&two_of_management_then_compliance(is_ordered), person(REQUESTER), votes);
    assert_eq!(reached(false, &compliance_first), Outcome::Granted);
    assert_eq!(reached(false, &compliance_first[..2]), Outcome::Open);
    assert_eq!(reached(true, &compliance_first), Outcome::Open, "compliance voted before its turn");
    let mut in_order = compliance_first.to_vec();
    in_order.rotate_left(1);
    assert_eq!(reached(true, &in_order), Outcome::Granted);
    assert_eq!(Outcome::Open.verb(), None);
    assert_eq!(Outcome::Granted.verb(), Some(DecisionVerb::Grant));
    assert_eq!(Outcome::Refused.verb(), Some(DecisionVerb::Refuse));
}

/// A ballot on the ordered rule, and what becomes of a vote on it.
struct Booth {
    decision: Decision,
    votes: Vec<Vote>,
    delegations: Vec<Delegation>,
}

impl Booth {
    fn new() -> Self {
        Self { decision: decision(two_of_management_then_compliance(true)), votes: vec![], delegations: vec![] }
    }

    fn ballot(&self) -> Ballot<'_> {
        Ballot { decision: &self.decision, votes: &self.votes, delegations: &self.delegations }
    }

    fn may(&self, actor: ActorId, roles: &[Role], role: Role) -> Result<(), String> {
        let roles = roles.iter().copied().collect();
        self.ballot().may_vote(actor, &roles, role, now()).map_err(|refused| refused.message)
    }

    fn delegate(&mut self, from: u128, to: u128, role: Role) {
        self.delegations.push(Delegation { delegator: person(from), delegate: person(to), role, delegated_at: now() });
    }
}

#[test]
fn a_vote_is_taken_only_from_a_person_who_is_asked_and_has_not_answered() {
    use Role::{Compliance, Director, ServiceDeliveryManager as Manager};
    let mut booth = Booth::new();
    assert_eq!(booth.may(person(1), &[Manager], Manager), Ok(()));
    let because =
        |result: Result<(), String>, why: &str| assert!(result.as_ref().unwrap_err().contains(why), "{result:?}");
    because(booth.may(person(REQUESTER), &[Manager], Manager), "own request");
    because(booth.may(ActorId::System, &[Manager], Manager), "Only a person");
    because(booth.may(ActorId::ApiKey(Uuid::nil().into()), &[Manager], Manager), "Only a person");
    because(booth.may(person(1), &[Compliance], Manager), "needs the role");
    because(booth.may(person(1), &[Director], Director), "Nobody is asked as");
    because(booth.may(person(3), &[Compliance], Compliance), "Others decide first");
    booth.votes.push(vote(1, Manager, Verdict::Grant));
    because(booth.may(person(1), &[Manager], Manager), "votes once");
    because(booth.may(person(1), &[Manager, Compliance], Compliance), "votes once");
    booth.votes.push(vote(2, Manager, Verdict::Grant));
    assert_eq!(booth.may(person(3), &[Compliance], Compliance), Ok(()));
    assert_eq!(booth.ballot().voting_role(person(3), &BTreeSet::from([Compliance]), now()), Ok(Compliance));
    assert!(booth.ballot().voting_role(person(3), &BTreeSet::from([Director]), now()).is_err());
    assert!(booth.ballot().awaits(person(3), &BTreeSet::from([Compliance]), now()));
    assert!(!booth.ballot().awaits(person(4), &BTreeSet::from([Manager]), now()), "that quorum is met");
    booth.decision.expires_at = Some(now());
    because(booth.may(person(3), &[Compliance], Compliance), "is over");
    for &state in DecisionState::ALL.iter().filter(|state| **state != DecisionState::Open) {
        booth.decision.state = state;
        because(booth.may(person(3), &[Compliance], Compliance), state.as_str());
    }
}

#[test]
fn a_vote_is_handed_on_once_and_not_to_whoever_asked() {
    use Role::{Compliance, ServiceDeliveryManager as Manager};
    let mut booth = Booth::new();
    let hand = |booth: &Booth, from: u128, roles: &[Role], to: ActorId| {
        let roles: BTreeSet<_> = roles.iter().copied().collect();
        booth.ballot().may_delegate(person(from), &roles, Manager, to, now()).is_ok()
    };
    assert!(hand(&booth, 1, &[Manager], person(5)));
    assert!(!hand(&booth, 1, &[Manager], person(1)), "not to oneself");
    assert!(!hand(&booth, 1, &[Manager], person(REQUESTER)), "not to whoever asked");
    assert!(!hand(&booth, 1, &[Manager], ActorId::System), "not to a program");
    assert!(!hand(&booth, 1, &[Compliance], person(5)), "not what one does not have");
    assert!(!hand(&booth, REQUESTER, &[Manager], person(5)), "not by whoever asked");
    booth.delegate(1, 5, Manager);
    assert_eq!(booth.may(person(5), &[], Manager), Ok(()), "the delegate may");
    assert!(booth.may(person(1), &[Manager], Manager).is_err(), "the delegator may no more");
    assert!(!hand(&booth, 5, &[], person(6)), "what was handed on is not handed on again");
    booth.votes.push(vote(5, Manager, Verdict::Grant));
    assert!(booth.may(person(5), &[Manager], Manager).is_err(), "and counts once");
    assert!(!hand(&booth, 2, &[Manager], person(5)), "nor is it handed to who has voted");
}

#[test]
fn a_rule_is_as_strict_as_another_when_it_asks_no_fewer_people_of_no_other_roles() {
    let floor = two_of_management_then_compliance(false);
    let rule = |requirements: &[(&[Role], u8)]| Rule {
        requirements: requirements
            .iter()
            .map(|(any_of, quorum)| Requirement { any_of: any_of.to_vec(), quorum: *quorum })
            .collect(),
        is_ordered: false,
    };
    let managers: &[Role] = &[Role::ServiceDeliveryManager];
    let compliance: &[Role] = &[Role::Compliance];
    assert!(floor.is_at_least(&floor));
    assert!(rule(&[(managers, 2), (compliance, 1), (&[Role::Director], 1)]).is_at_least(&floor));
    assert!(!rule(&[(managers, 1), (compliance, 1)]).is_at_least(&floor), "a smaller quorum");
    assert!(!rule(&[(managers, 2)]).is_at_least(&floor), "nobody of compliance");
    let others: &[Role] = &[Role::ServiceDeliveryManager, Role::Sales];
    assert!(!rule(&[(others, 2), (compliance, 1)]).is_at_least(&floor), "other roles would do");
}

#[test]
fn an_open_question_is_expired_once_its_time_is_over() {
    let mut open = decision(two_of_management_then_compliance(false));
    let over = now() + TimeDelta::days(1);
    assert_eq!(open.state_at(over - TimeDelta::milliseconds(1)), DecisionState::Open);
    assert_eq!(open.state_at(over), DecisionState::Expired);
    open.state = DecisionState::Granted;
    assert_eq!(open.state_at(over), DecisionState::Granted);
}

#[test]
fn the_clients_word_is_not_handed_on() {
    let contact = BTreeSet::from([Role::ClientContact]);
    let asked = decision(DecisionKind::DestructionConfirmation.rule());
    let ballot = Ballot { decision: &asked, votes: &[], delegations: &[] };
    assert!(ballot.may_vote(person(1), &contact, Role::ClientContact, now()).is_ok());
    assert!(ballot.may_delegate(person(1), &contact, Role::ClientContact, person(2), now()).is_err());
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let roles = vec![Role::ServiceDeliveryManager, Role::HeadOfOperations, Role::Compliance, Role::Director];
    (Just(roles).prop_shuffle(), 1..=4_usize, proptest::collection::vec(1..=3_u8, 4), any::<bool>()).prop_map(
        |(roles, count, quorums, is_ordered)| {
            let each = |(roles, quorum): (&[Role], u8)| Requirement { any_of: roles.to_vec(), quorum };
            let requirements = roles.chunks(4_usize.div_ceil(count)).zip(quorums).map(each).collect();
            Rule { requirements, is_ordered }
        },
    )
}

fn any_votes() -> impl Strategy<Value = Vec<Vote>> {
    let role = proptest::sample::select(vec![
        Role::ServiceDeliveryManager,
        Role::HeadOfOperations,
        Role::Compliance,
        Role::Director,
        Role::Sales,
    ]);
    let verdict = proptest::sample::select(vec![Verdict::Grant, Verdict::Grant, Verdict::Grant, Verdict::Refuse]);
    // Few people, so that the requester and doubles are common.
    let one = (0..8_u128, role, verdict).prop_map(|(voter, role, verdict)| vote(voter, role, verdict));
    proptest::collection::vec(one, 0..14)
}

fn is_asked(rule: &Rule, role: Role) -> bool {
    rule.requirements.iter().any(|needed| needed.any_of.contains(&role))
}

proptest! {
    #[test]
    fn one_refusal_of_somebody_who_is_asked_refuses(rule in any_rule(), votes in any_votes()) {
        let refuses = votes.iter().any(|vote| {
            vote.verdict == Verdict::Refuse && vote.voter != person(REQUESTER) && is_asked(&rule, vote.role)
        });
        prop_assert_eq!(outcome(&rule, person(REQUESTER), &votes) == Outcome::Refused, refuses);
    }

    #[test]
    fn a_grant_needs_as_many_different_people_as_all_quorums_together(rule in any_rule(), votes in any_votes()) {
        if outcome(&rule, person(REQUESTER), &votes) == Outcome::Granted {
            let people: BTreeSet<_> = votes
                .iter()
                .filter(|vote| vote.verdict == Verdict::Grant && vote.voter != person(REQUESTER) && is_asked(&rule, vote.role))
                .map(|vote| vote.voter)
                .collect();
            let needed: usize = rule.requirements.iter().map(|needed| usize::from(needed.quorum)).sum();
            prop_assert!(people.len() >= needed);
        }
    }

    #[test]
    fn what_the_requester_votes_changes_nothing(rule in any_rule(), votes in any_votes()) {
        let others: Vec<_> = votes.iter().filter(|vote| vote.voter != person(REQUESTER)).cloned().collect();
        let requester = person(REQUESTER);
        prop_assert_eq!(outcome(&rule, requester, &votes), outcome(&rule, requester, &others));
    }

    #[test]
    fn a_vote_cast_twice_counts_once(rule in any_rule(), votes in any_votes()) {
        let twice: Vec<_> = votes.iter().flat_map(|vote| [vote.clone(), vote.clone()]).collect();
        let requester = person(REQUESTER);
        prop_assert_eq!(tally(&rule, requester, &twice), tally(&rule, requester, &votes));
    }

    #[test]
    fn a_decided_question_stays_decided_whoever_votes_after(rule in any_rule(), votes in any_votes()) {
        // Votes are taken as they come, and none after the question is closed: the first outcome that is
        // not open stands, and no earlier prefix had another one.
        let requester = person(REQUESTER);
        let outcomes: Vec<_> = (0..=votes.len()).map(|n| outcome(&rule, requester, &votes[..n])).collect();
        if let Some(first) = outcomes.iter().position(|outcome| *outcome == Outcome::Granted) {
            prop_assert!(outcomes[..first].iter().all(|outcome| *outcome == Outcome::Open));
            // More grants never take a grant back.
            let later_refusal = outcomes[first..].contains(&Outcome::Refused);
            prop_assert!(later_refusal || outcomes[first..].iter().all(|outcome| *outcome == Outcome::Granted));
        }
    }

    #[test]
    fn without_order_the_sequence_of_distinct_voters_does_not_matter(
        rule in any_rule(),
        votes in any_votes(),
        seed in any::<prop::sample::Index>(),
    ) {
        let rule = Rule { is_ordered: false, ..rule };
        let mut seen = BTreeSet::new();
        let distinct: Vec<_> = votes.into_iter().filter(|vote| seen.insert(vote.voter)).collect();
        let mut turned = distinct.clone();
        if !turned.is_empty() {
            turned.rotate_left(seed.index(distinct.len()));
        }
        let requester = person(REQUESTER);
        prop_assert_eq!(outcome(&rule, requester, &turned), outcome(&rule, requester, &distinct));
    }

    #[test]
    fn a_question_awaits_somebody_exactly_while_it_is_open(rule in any_rule(), votes in any_votes()) {
        let is_open = outcome(&rule, person(REQUESTER), &votes) == Outcome::Open;
        prop_assert_eq!(!awaited(&rule, person(REQUESTER), &votes).is_empty(), is_open);
    }

    #[test]
    fn votes_that_were_taken_one_by_one_all_count(rule in any_rule(), votes in any_votes()) {
        // Only what may_vote lets through is stored; then every stored grant is in the tally.
        let decision = decision(rule.clone());
        let mut taken: Vec<Vote> = Vec::new();
        for vote in votes {
            let ballot = Ballot { decision: &decision, votes: &taken, delegations: &[] };
            let is_open = outcome(&rule, person(REQUESTER), &taken) == Outcome::Open;
            if is_open && ballot.may_vote(vote.voter, &BTreeSet::from([vote.role]), vote.role, now()).is_ok() {
                taken.push(vote);
            }
        }
        let granted = taken.iter().filter(|vote| vote.verdict == Verdict::Grant).count();
        let counted: usize = tally(&rule, person(REQUESTER), &taken).iter().map(|count| usize::from(*count)).sum();
        prop_assert_eq!(counted, granted);
    }
}
