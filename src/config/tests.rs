use std::{collections::BTreeMap, fs};

use super::*;

fn read<const N: usize>(pairs: [(&str, &str); N]) -> Result<Config, Problems> {
    Config::read(&Flags::new(), &Environment::from(pairs))
}

fn problem(pairs: [(&str, &str); 1]) -> (String, String) {
    let problems = read(pairs).unwrap_err();
    let all: Vec<_> = problems.iter().collect();
    assert_eq!(all.len(), 1, "{problems}");
    (all[0].variable.clone(), all[0].message.clone())
}

#[test]
fn nothing_set_gives_the_embedded_defaults() {
    let config = read([]).unwrap();
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.public_url(), "http://127.0.0.1:8080");
    assert_eq!(config.database_url().expose(), "sqlite://data/gangway.sqlite?mode=rwc");
    assert_eq!(config.hints(), Hints::Memory);
    assert_eq!(config.http.body_limit, Size(1 << 20));
    assert_eq!(config.http.execution_timeout, Duration::from_secs(10));
    assert!(config.is_dev_issuer_on() && config.takes_get_documents() && config.worker.enabled);
    assert!(config.takes_free_documents() && !read([("GANGWAY_DOCUMENTS", "/d.json")]).unwrap().takes_free_documents());
    assert!(config.warnings.is_empty());
}

#[test]
fn the_data_folder_may_be_called_anything() {
    let config = read([("GANGWAY_DATA", "/srv/it's 100% mine?")]).unwrap();
    let expected = "sqlite:///srv/it%27s%20100%25%20mine%3F/gangway.sqlite?mode=rwc";
    assert_eq!(config.database_url().expose(), expected);
}

#[test]
fn every_default_lies_within_its_bounds_and_every_variable_is_its_own() {
    read([]).unwrap();
    let mut variables: Vec<_> = SETTINGS.iter().map(|setting| setting.variable).collect();
    variables.sort_unstable();
    variables.dedup();
    assert_eq!(variables.len(), SETTINGS.len());
}

#[test]
fn the_development_issuer_is_off_as_soon_as_others_can_reach_the_api() {
    assert!(!read([("GANGWAY_LISTEN", "0.0.0.0:80")]).unwrap().is_dev_issuer_on());
    let issuers = r#"[{"issuer":"https://id.example","audience":"gangway","pem":"/k.pem","algorithms":["ES256"]}]"#;
    let config = read([("GANGWAY_JWT_ISSUERS", issuers)]).unwrap();
    assert!(!config.is_dev_issuer_on() && !config.takes_get_documents());
    assert_eq!(config.auth.issuers[0].keys, IssuerKeys::Pem("/k.pem".into()));
    assert!(read([("GANGWAY_LISTEN", "0.0.0.0:80"), ("GANGWAY_DEV_ISSUER", "true")]).unwrap().is_dev_issuer_on());
}

#[test]
fn a_bad_value_names_its_variable() {
    for (variable, text, expected) in [
        ("GANGWAY_LISTEN", "localhost", "must be an IP address and a port"),
        ("GANGWAY_PUBLIC_URL", "ftp://a.example", "must begin with `http://`"),
        ("GANGWAY_WORKER", "yes", "must be `true` or `false`"),
        ("GANGWAY_WORKER_SLOTS", "0", "must lie between 1 and 1000"),
        ("GANGWAY_LEASE", "30", "must be a number with `ms`, `s`, `m` or `h`"),
        ("GANGWAY_LEASE", "2h", "must lie between 1s and 1h"),
        ("GANGWAY_LEASE", "99999999999999999999h", "must begin with a whole number"),
        ("GANGWAY_LEASE", "9999999999999999999h", "is too long"),
        ("GANGWAY_BODY_LIMIT", "1 MB", "must be bytes, or a number with"),
        ("GANGWAY_HINTS", "kafka", "must be `redis`, `memory` or `poll`"),
        ("GANGWAY_HINTS", "redis", "needs REDIS_URL"),
        ("GANGWAY_ORIGINS", "https://a.example/path", "must be the origin alone: write `https://a.example`"),
        ("GANGWAY_ORIGINS", "*", "is not a web origin"),
        ("GANGWAY_DEV_SECRET", "short", "must have 32 bytes at least"),
        ("GANGWAY_LINK_SECRET", "short", "must have 32 bytes at least"),
        ("GANGWAY_SOURCES", "a=relative", "must be absolute"),
        ("GANGWAY_SOURCES", "a=/", "must not be the root"),
        ("GANGWAY_SOURCES", "A b=/x", "must be 1 to 32 lower-case letters"),
        ("GANGWAY_SOURCES", "a=/x,a=/y", "`a` is used twice"),
        ("GANGWAY_FILES", "evidence", "is not a store of GANGWAY_S3_STORES"),
        ("GANGWAY_S3_STORES", "{}", "is not a list of stores"),
        ("GANGWAY_JWT_ISSUERS", r#"[{"issuer":"i","audience":"a","algorithms":["ES256"]}]"#, "needs either"),
        (
            "GANGWAY_JWT_ISSUERS",
            r#"[{"issuer":"i","audience":"a","pem":"p","algorithms":["none"]}]"#,
            "unknown variant",
        ),
        ("GANGWAY_JWT_ISSUERS", r#"[{"issuer":"i","audience":"a","pem":"p","algorithms":[]}]"#, "must name one"),
    ] {
        let (named, message) = problem([(variable, text)]);
        assert_eq!(named, variable);
        assert!(message.contains(expected), "{variable}={text}: {message}");
    }
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let problems = read([("GANGWAY_LISTEN", "x"), ("GANGWAY_LEASE", "x")]).unwrap_err();
    assert_eq!(problems.iter().count(), 2);
    assert!(problems.to_string().contains("\n  GANGWAY_LISTEN must be"), "{problems}");
}

#[test]
fn an_empty_variable_counts_as_unset_and_an_unknown_one_is_mentioned() {
    let config = read([("GANGWAY_LISTEN", ""), ("GANGWAY_LISTENS", "x"), ("GANGWAY_TOKEN_FILE", "t")]).unwrap();
    assert_eq!(config.warnings, ["GANGWAY_LISTENS is set but is no setting of this version"]);
}

#[test]
fn a_client_s_token_comes_from_a_variable_or_a_file_and_a_named_file_wins() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name).display().to_string()
    };
    let (first, second, empty) = (file("first", "one\n"), file("second", "two"), file("empty", "\n"));
    let told = |named: Option<&str>, environment: Environment| match token(named, &environment) {
        Ok(token) => token.expose().to_owned(),
        Err(problems) => problems.to_string(),
    };
    let variable = Environment::from([("GANGWAY_TOKEN", "three")]);
    assert_eq!(told(None, variable.clone()), "three");
    assert_eq!(told(None, Environment::from([("GANGWAY_TOKEN_FILE", second.as_str())])), "two");
    assert_eq!(told(Some(&first), variable), "one");
    for (named, expected) in [
        (None, "GANGWAY_TOKEN must be set (or GANGWAY_TOKEN_FILE)"),
        (Some(empty.as_str()), "GANGWAY_TOKEN is empty"),
        (Some("/nowhere"), "GANGWAY_TOKEN_FILE cannot be read: /nowhere"),
    ] {
        let said = told(named, Environment::default());
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn flag_beats_variable_beats_file_beats_default() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gangway.toml");
    let text = "[server]\nlisten = '127.0.0.1:1'\ndata = '/file'\nshutdown_grace = '7s'\n[worker]\nslots = 3\n\
                [storage]\nsources = { a = '/a', b = '/b' }\ndestinations = ['c=/c']\n\
                [[auth.issuers]]\nissuer = 'i'\naudience = 'a'\njwks_url = 'https://i/keys'\nalgorithms = ['EdDSA']\n";
    fs::write(&file, text).unwrap();
    let environment = Environment::from([
        ("GANGWAY_CONFIG", file.to_str().unwrap()),
        ("GANGWAY_LISTEN", "127.0.0.1:2"),
        ("GANGWAY_DATA", "/environment"),
    ]);
    let config = Config::read(&BTreeMap::from([("GANGWAY_LISTEN", "127.0.0.1:3".to_owned())]), &environment).unwrap();
    assert_eq!(config.server.listen.port(), 3);
    assert_eq!(config.server.data, PathBuf::from("/environment"));
    assert_eq!(config.server.shutdown_grace, Duration::from_secs(7));
    assert_eq!(config.worker.slots, 3);
    assert_eq!(config.database.connections, 16);
    assert_eq!(config.storage.sources[1], Root { name: "b".to_owned(), path: "/b".into() });
    assert_eq!(config.storage.destinations[0].path, PathBuf::from("/c"));
    assert_eq!(config.auth.issuers[0].algorithms, [Algorithm::EdDsa]);
}

#[test]
fn a_file_with_a_secret_or_an_unknown_key_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gangway.toml");
    let path = file.to_str().unwrap();
    for (text, expected) in [
        (
            "[database]\nurl = 'postgres://u:p@h/d'",
            "`database.url` is a secret: set DATABASE_URL or DATABASE_URL_FILE instead",
        ),
        ("[server]\nlissen = 'x'", "`server.lissen` is no setting"),
        ("listen = 'x'", "`listen` stands outside a table"),
        ("[server", "is not TOML"),
        ("[worker]\nslots = 1.5", "has a form that no setting has"),
    ] {
        fs::write(&file, text).unwrap();
        let (named, message) = problem([("GANGWAY_CONFIG", path)]);
        assert_eq!(named, path);
        assert!(message.contains(expected) && !message.contains("u:p"), "{text}: {message}");
    }
    fs::remove_file(&file).unwrap();
    assert!(problem([("GANGWAY_CONFIG", path)]).1.contains("cannot be read"));
}

#[test]
fn a_secret_is_read_from_a_file_and_shown_by_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("url");
    fs::write(&file, "postgres://u:hunter2@h/d\n").unwrap();
    let path = file.to_str().unwrap();
    let config = read([("DATABASE_URL_FILE", path)]).unwrap();
    assert_eq!(config.database_url().expose(), "postgres://u:hunter2@h/d");
    assert!(!format!("{config:?}").contains("hunter2"));
    let problems = read([("DATABASE_URL_FILE", path), ("DATABASE_URL", "sqlite://x")]).unwrap_err();
    assert!(problems.to_string().contains("are both set"), "{problems}");
}

#[test]
fn a_store_without_its_keys_is_refused() {
    let stores = r#"[{"name":"cold-1","endpoint":"http://s3:9000","bucket":"b","uses":["files","destination"]}]"#;
    let problems = read([("GANGWAY_S3_STORES", stores)]).unwrap_err();
    assert!(problems.to_string().contains("GANGWAY_S3_COLD_1_ACCESS_KEY_ID must be set"), "{problems}");
    let config = read([
        ("GANGWAY_S3_STORES", stores),
        ("GANGWAY_FILES", "cold-1"),
        ("GANGWAY_S3_COLD_1_ACCESS_KEY_ID", "id"),
        ("GANGWAY_S3_COLD_1_SECRET_ACCESS_KEY", "key"),
    ])
    .unwrap();
    let store = &config.storage.s3_stores[0];
    assert_eq!((store.secret_access_key.expose(), store.region.as_str()), ("key", "us-east-1"));
    assert!(store.serves(StoreUse::Files) && !store.serves(StoreUse::Source));
    assert!(config.warnings.is_empty());
}

#[test]
fn pages_of_our_own_may_call_the_api() {
    let origins = |config: Config| config.origins().iter().map(|origin| origin.as_str().to_owned()).collect::<Vec<_>>();
    let local = origins(read([]).unwrap());
    assert_eq!(local, ["http://127.0.0.1:8080", "http://[::1]:8080", "http://localhost:8080"]);
    let open =
        read([("GANGWAY_LISTEN", "0.0.0.0:80"), ("GANGWAY_PUBLIC_URL", "https://api.example/gangway/")]).unwrap();
    assert_eq!(open.public_url(), "https://api.example/gangway");
    assert_eq!(origins(open), ["https://api.example"]);
}

/// Renew the page with `GANGWAY_RENEW_DOCS=1 cargo test --lib config::`.
#[test]
fn the_page_of_settings_is_what_the_code_says() {
    const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/configuration.md");
    let page = fs::read_to_string(PAGE).unwrap();
    let (head, rest) = page.split_once("<!-- settings -->\n").unwrap();
    let (_, tail) = rest.split_once("<!-- end of settings -->").unwrap();
    let expected = format!("{head}<!-- settings -->\n{}<!-- end of settings -->{tail}", markdown());
    if std::env::var_os("GANGWAY_RENEW_DOCS").is_some() {
        fs::write(PAGE, &expected).unwrap();
    }
    assert!(
        page == expected,
        "docs/configuration.md is out of date; run GANGWAY_RENEW_DOCS=1 cargo test --lib config:: twice"
    );
}

#[test]
fn help_names_every_setting() {
    let help = help();
    for setting in SETTINGS {
        assert!(help.contains(setting.variable), "{}", setting.variable);
    }
}
