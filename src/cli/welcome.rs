//! What somebody who starts a server for the first time needs to know.

use std::path::{Path, absolute};

use crate::config::Config;

/// Where the server answers, where it keeps what it has, and how to get a token, as commands that can be pasted as
/// they stand into a terminal that is elsewhere: `program` is the file that runs, and paths are whole.
pub(super) fn text(config: &Config, program: &Path) -> String {
    let url = config.public_url();
    // A folder that cannot be told in full is told as it was given.
    let data = absolute(&config.server.data).unwrap_or_else(|_error| config.server.data.clone());
    let mut text = format!(
        "Gangway answers at {url}/graphql (health: {url}/healthz).\nIts database, files and keys lie in {}.\n",
        data.display()
    );
    if config.is_dev_issuer_on() {
        let command = format!("{} token --role ONBOARDING_MANAGER --data {}", quoted(program), quoted(&data));
        text = format!("{text}A token to try it with: {command}\n");
    }
    text
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-".contains(letter);
    if text.chars().all(is_plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Environment, Flags};

    fn told(flags: &Flags) -> String {
        let config = Config::read(flags, &Environment::default()).unwrap();
        text(&config, Path::new("/opt/msp's tools/gangway"))
    }

    #[test]
    fn the_command_for_a_token_can_be_pasted_anywhere() {
        let text = told(&Flags::from([("GANGWAY_DATA", "/srv/gang way".to_owned())]));
        let command = r"'/opt/msp'\''s tools/gangway' token --role ONBOARDING_MANAGER --data '/srv/gang way'";
        assert!(text.ends_with(&format!("A token to try it with: {command}\n")), "{text}");
        let here = std::env::current_dir().unwrap().join("data");
        let text = told(&Flags::new());
        assert!(text.contains(&format!(" lie in {}.\n", here.display())), "{text}");
    }

    #[test]
    fn no_token_is_offered_that_would_not_count() {
        let text = told(&Flags::from([("GANGWAY_LISTEN", "0.0.0.0:8080".to_owned())]));
        assert!(text.contains("http://0.0.0.0:8080/graphql") && !text.contains("token"), "{text}");
    }
}
