//! `scripts/test.sh`, where it is not to go on.

use tokio::process::Command;

use crate::program::{ended, free_address};

#[tokio::test]
async fn a_server_that_was_named_and_does_not_answer_ends_the_tests() {
    let at = free_address();
    for (variable, value, expected) in [
        (
            "DATABASE_URL",
            format!("postgres://somebody:pass@{at}/postgres"),
            format!("says {at}, where nothing answers"),
        ),
        ("REDIS_URL", format!("redis://{at}/0"), format!("says {at}, where nothing answers")),
        ("DATABASE_URL", "postgres://host:port/postgres".to_owned(), "is no URL with a host and a port".to_owned()),
    ] {
        let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/test.sh"));
        command.args(["--services", "echo", "went on"]).env_remove("DATABASE_URL").env_remove("REDIS_URL");
        let said = ended(command.env(variable, &value)).await;
        assert_eq!(said.code, 1, "{said:?}");
        assert!(said.err.contains(&format!("scripts/test.sh: {variable} {expected}")), "{said:?}");
        // Neither another server nor the tests were started.
        assert_eq!(said.out, "", "{said:?}");
    }
}
