//! The people of a sample provider, one for each part to play. They sign in with tokens of the development
//! issuer, like anybody who tries Gangway out: `gangway token --role SALES --subject sam` is Sam, too.

use std::{collections::BTreeSet, time::Duration};

use serde_json::json;

use super::documents;
use crate::{
    auth::development::{DevelopmentIssuer, TokenOrder},
    cli::{api::Api, explain},
    domain::role::Role,
    ids::ClientId,
};

/// Long enough to try everything out, short enough to forget about.
const TOKEN_LIFETIME: Duration = Duration::from_hours(12);

/// Who plays what. Two technicians, because one verifies what the other one found.
const PEOPLE: &[(Role, &str, &str)] = &[
    (Role::Sales, "sam", "Sam Ortega"),
    (Role::OnboardingManager, "olivia", "Olivia Brandt"),
    (Role::Technician, "tariq", "Tariq Nasser"),
    (Role::Technician, "tess", "Tess Lindqvist"),
    (Role::AccountManager, "amara", "Amara Okafor"),
    (Role::CustomerSuccess, "carlos", "Carlos Reyes"),
    (Role::Billing, "bea", "Bea Whitfield"),
    (Role::Compliance, "cora", "Cora Lang"),
    (Role::ServiceDeliveryManager, "dana", "Dana Petrov"),
    (Role::Operator, "oskar", "Oskar Lund"),
];

/// Somebody who acts.
#[derive(Clone, Debug)]
pub struct Person {
    /// As what.
    pub role: Role,
    /// How the person is called.
    pub name: String,
    /// The person's id.
    pub id: String,
    /// What the person shows.
    pub token: String,
}

/// Everybody of the provider.
#[derive(Clone, Debug)]
pub struct Cast(Vec<Person>);

impl Cast {
    /// Lets everybody sign in once, which is how the provider's roles come to be held.
    ///
    /// # Errors
    /// A token is refused, or the server does not answer.
    pub async fn meet(api: &Api, issuer: &DevelopmentIssuer) -> anyhow::Result<Self> {
        let mut people = Vec::new();
        for (role, subject, name) in PEOPLE {
            people.push(Person::meet(api, issuer, *role, (subject, name), None).await?);
        }
        Ok(Self(people))
    }

    /// Everybody.
    pub fn people(&self) -> &[Person] {
        &self.0
    }

    /// Whoever plays `role`; where nobody does, whoever leads.
    pub fn person(&self, role: Role) -> &Person {
        self.0.iter().find(|person| person.role == role).unwrap_or(&self.0[1])
    }

    /// Somebody who may check what a technician found, and is not that technician.
    pub fn other_technician(&self) -> &Person {
        self.0.iter().rfind(|person| person.role == Role::Technician).unwrap_or(&self.0[1])
    }
}

impl Person {
    /// Somebody with a new token, once signed in.
    ///
    /// # Errors
    /// The token is refused, or the server does not answer.
    pub async fn meet(
        api: &Api,
        issuer: &DevelopmentIssuer,
        role: Role,
        (subject, name): (&str, &str),
        client: Option<ClientId>,
    ) -> anyhow::Result<Self> {
        let order = TokenOrder {
            roles: BTreeSet::from([role]),
            client,
            ttl: TOKEN_LIFETIME,
            subject: Some(subject.to_owned()),
            name: Some(name.to_owned()),
        };
        let token = issuer.issue(&order).map_err(explain)?;
        let answer = api.ask(&token, documents::VIEWER, json!({})).await?;
        let id = answer["viewer"]["user"]["id"].as_str().unwrap_or_default().to_owned();
        Ok(Self { role, name: name.to_owned(), id, token })
    }
}
