//! What a command needs that is the client of a server elsewhere.

use super::{Environment, Problem, Problems, Secret, source::Sources};

/// What the bearer's token comes from, and with `_FILE` at its end the file that holds it.
const TOKEN: &str = "GANGWAY_TOKEN";
const TOKEN_FILE: &str = "GANGWAY_TOKEN_FILE";

/// The token or api key to come with: what the file `named` on the command line holds, else what `GANGWAY_TOKEN` or
/// `GANGWAY_TOKEN_FILE` says. Never an argument itself: everybody on a machine may read the arguments of its processes.
///
/// # Errors
/// There is none, it is empty, or its file cannot be read.
pub fn token(named: Option<&str>, environment: &Environment) -> Result<Secret, Problems> {
    let flag = named.map(|file| Environment::from([(TOKEN_FILE, file)]));
    let mut problems = Vec::new();
    let token = Sources::of(flag.as_ref().unwrap_or(environment)).secret(TOKEN, &mut problems);
    if token.as_ref().is_some_and(|token| token.expose().trim().is_empty()) {
        problems.push(Problem::new(TOKEN, "is empty"));
    }
    token.filter(|_| problems.is_empty()).ok_or_else(|| Problems::new(problems))
}
