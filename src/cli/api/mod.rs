//! Gangway's own API as the commands of this program speak it: GraphQL over HTTP here, event streams in
//! [`stream`]. Whatever these commands can do, anybody with a token can.

use std::time::Duration;

use reqwest::{StatusCode, Url, header};
use serde_json::{Value, json};

pub mod sse;
pub mod stream;

/// How long an answer may take. The server gives up earlier.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Why there is no answer to work with.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Nobody answers, or not as Gangway does.
    #[error("{url} does not answer as Gangway does: {why}")]
    Connection {
        /// Whom we asked.
        url: String,
        /// What came instead.
        why: String,
    },
    /// The server understood and says no.
    #[error("{}", .0.sentence())]
    Refused(Refusal),
}

/// A no of the server, with the way out that it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Which kind of no.
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// What to do instead.
    pub remedy: Option<String>,
    /// The gates that are closed, when some are.
    pub blockers: Vec<Value>,
}

impl Refusal {
    /// The first of `errors`, be they `userErrors` of a payload or top-level errors of an answer.
    fn first_of(errors: &Value) -> Option<Self> {
        let error = errors.as_array()?.first()?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        Some(Self {
            code: text(&error["code"]).or_else(|| text(&error["extensions"]["code"])).unwrap_or_default(),
            message: text(&error["message"]).unwrap_or_default(),
            remedy: text(&error["remedy"]),
            blockers: error["blockers"].as_array().cloned().unwrap_or_default(),
        })
    }

    fn sentence(&self) -> String {
        let blockers = self.blockers.iter().filter_map(|blocker| blocker["message"].as_str());
        let remedy = self.remedy.as_deref();
        [self.message.as_str()].into_iter().chain(blockers).chain(remedy).collect::<Vec<_>>().join(" ")
    }
}

/// A server, and how to reach it.
#[derive(Clone, Debug)]
pub struct Api {
    http: reqwest::Client,
    endpoint: Url,
}

impl Api {
    /// The server at `url`: its root or its `/graphql`.
    ///
    /// # Errors
    /// `url` is no address, or no connection can be made at all in this process.
    pub fn at(url: &str) -> anyhow::Result<Self> {
        let mut endpoint: Url = url.parse()?;
        if endpoint.path() == "/" {
            endpoint.set_path("/graphql");
        }
        let builder = reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT);
        let is_local = endpoint.host_str().is_some_and(|host| matches!(host, "127.0.0.1" | "localhost" | "[::1]"));
        let builder = if is_local { builder.no_proxy() } else { builder };
        Ok(Self { http: builder.build()?, endpoint })
    }

    /// Where it is asked.
    pub fn endpoint(&self) -> &str {
        self.endpoint.as_str()
    }

    /// The data that `document` is answered with.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn ask(&self, token: &str, document: &str, variables: Value) -> Result<Value, Failure> {
        let request = self.request(token, document, &variables).timeout(ANSWER_TIMEOUT);
        let response = request.header(header::ACCEPT, "application/json").send().await;
        let response = response.map_err(|error| self.broken(&error))?;
        let status = response.status();
        let mut answer: Value = response.json().await.map_err(|error| self.strange(status, &error))?;
        match Refusal::first_of(&answer["errors"]) {
            Some(refusal) => Err(Failure::Refused(refusal)),
            None if answer["data"].is_object() => Ok(answer["data"].take()),
            None => Err(self.failure(format!("an answer without data ({status})"))),
        }
    }

    /// The payload of the one mutation in `document`, when it has no `userErrors`.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn send(&self, token: &str, document: &str, input: Value) -> Result<Value, Failure> {
        let data = self.ask(token, document, json!({ "input": input })).await?;
        let payload = match data {
            Value::Object(fields) => fields.into_iter().next().map(|(_, payload)| payload).unwrap_or_default(),
            _ => Value::Null,
        };
        match Refusal::first_of(&payload["userErrors"]) {
            Some(refusal) => Err(Failure::Refused(refusal)),
            None => Ok(payload),
        }
    }

    /// Sends the bytes of an announced file to the address it was given.
    ///
    /// # Errors
    /// [`Failure::Connection`] when they are not taken.
    pub async fn put(&self, url: &str, bytes: Vec<u8>) -> Result<(), Failure> {
        let request = self.http.put(url).header(header::CONTENT_TYPE, "application/octet-stream").body(bytes);
        let response = request.timeout(ANSWER_TIMEOUT).send().await.map_err(|error| self.broken(&error))?;
        if response.status().is_success() { Ok(()) } else { Err(self.failure(response.status().to_string())) }
    }

    /// The bytes of a file, from the address it was given.
    ///
    /// # Errors
    /// [`Failure::Connection`] when they are not given.
    pub async fn get(&self, url: &str) -> Result<Vec<u8>, Failure> {
        let request = self.http.get(url).timeout(ANSWER_TIMEOUT);
        let response = request.send().await.map_err(|error| self.broken(&error))?;
        if !response.status().is_success() {
            return Err(self.failure(response.status().to_string()));
        }
        Ok(response.bytes().await.map_err(|error| self.broken(&error))?.to_vec())
    }

    fn request(&self, token: &str, document: &str, variables: &Value) -> reqwest::RequestBuilder {
        let body = json!({ "query": document, "variables": variables });
        self.http.post(self.endpoint.clone()).bearer_auth(token).json(&body)
    }

    fn failure(&self, why: String) -> Failure {
        Failure::Connection { url: self.endpoint.to_string(), why }
    }

    fn broken(&self, error: &reqwest::Error) -> Failure {
        let mut deepest: &dyn std::error::Error = error;
        while let Some(source) = deepest.source() {
            deepest = source;
        }
        self.failure(deepest.to_string())
    }

    fn strange(&self, status: StatusCode, error: &reqwest::Error) -> Failure {
        if status.is_success() { self.broken(error) } else { self.failure(status.to_string()) }
    }
}
