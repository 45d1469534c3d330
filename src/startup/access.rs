//! Who may sign in, from the configuration: issuers, their keys, and the development issuer where it is on.

use std::{fs, path::Path, sync::Arc};

use crate::{
    adapters::jwks::{JwksClient, check_url},
    app::App,
    auth::{
        Authenticator, Issuer, TokenVerifier,
        development::{DevelopmentIssuer, Secret},
        jwks::Jwks,
        keys::{Algorithm, VerifyingKey},
    },
    clock::Clock,
    config::{self, Config, IssuerKeys},
    error::{Result, Violation},
};

/// Where the development issuer's secret lies in the data folder.
const SECRET_FILE: &str = "development.secret";

/// What verifies every bearer: the configured issuers, the development issuer when it is on, and api keys.
///
/// # Errors
/// `Violation` when an issuer or its key cannot be used, `Internal` when a file or TLS cannot.
pub fn authenticator(config: &Config, app: &App, clock: Arc<dyn Clock>) -> Result<Authenticator> {
    let mut issuers = Vec::new();
    for settings in &config.auth.issuers {
        issuers.push(issuer(settings, &clock)?);
    }
    if config.is_dev_issuer_on() {
        issuers.push(development_issuer(config, Arc::clone(&clock))?.issuer()?);
    }
    let tokens = TokenVerifier::new(issuers, Arc::clone(&clock))?;
    let directory = Arc::new(app.clone());
    Ok(Authenticator::new(tokens, directory.clone(), directory, clock))
}

/// The development issuer, with the configured secret or the one in the data folder, which is made when it is absent.
///
/// # Errors
/// `Violation` when the secret is too short or others can read it; `Internal` when its file cannot be used.
pub fn development_issuer(config: &Config, clock: Arc<dyn Clock>) -> Result<DevelopmentIssuer> {
    let secret = if let Some(secret) = &config.auth.dev_secret {
        Secret::new(secret.expose().into())?
    } else {
        fs::create_dir_all(&config.server.data).map_err(|error| unreadable(&config.server.data, &error))?;
        Secret::load_or_create(&config.server.data.join(SECRET_FILE))?
    };
    Ok(DevelopmentIssuer::new(secret, clock))
}

fn issuer(settings: &config::Issuer, clock: &Arc<dyn Clock>) -> Result<Issuer> {
    let algorithms: Vec<_> = settings.algorithms.iter().copied().map(algorithm).collect();
    match &settings.keys {
        IssuerKeys::Pem(path) => {
            let pem = fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
            let key = VerifyingKey::from_pem(None, &algorithms, &pem)?;
            Issuer::with_keys(&settings.issuer, &settings.audience, vec![key])
        }
        IssuerKeys::JwksUrl(url) => {
            let (url, client) = (check_url(url.as_str())?, JwksClient::new()?);
            let fetch = move |url: String| {
                let client = client.clone();
                async move { client.fetch(&url).await }
            };
            let jwks = Jwks::new(url, algorithms, Arc::new(fetch), Arc::clone(clock))?;
            Issuer::with_jwks(&settings.issuer, &settings.audience, jwks)
        }
    }
}

fn algorithm(algorithm: config::Algorithm) -> Algorithm {
    match algorithm {
        config::Algorithm::Es256 => Algorithm::Es256,
        config::Algorithm::Rs256 => Algorithm::Rs256,
        config::Algorithm::EdDsa => Algorithm::EdDsa,
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Violation {
    Violation::new("GANGWAY_JWT_ISSUERS", format!("{} cannot be used: {error}.", path.display()))
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, time::Duration};

    use chrono::DateTime;

    use super::*;
    use crate::{
        auth::development::TokenOrder, clock::Manual, config::Environment, config::Flags, domain::role::Role,
        error::Error,
    };

    fn config(variable: (&str, &str)) -> Config {
        Config::read(&Flags::new(), &Environment::from([variable])).unwrap()
    }

    fn clock() -> Arc<dyn Clock> {
        Arc::new(Manual::at(DateTime::from_timestamp(1_795_608_000, 0).unwrap()))
    }

    #[tokio::test]
    async fn the_development_issuer_keeps_its_secret_in_the_data_folder() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("new/data");
        let config = config(("GANGWAY_DATA", data.to_str().unwrap()));
        let order = TokenOrder {
            roles: BTreeSet::from([Role::Sales]),
            client: None,
            ttl: Duration::from_hours(1),
            subject: None,
            name: None,
        };
        let token = development_issuer(&config, clock()).unwrap().issue(&order).unwrap();
        let again = development_issuer(&config, clock()).unwrap();
        let verifier = TokenVerifier::new(vec![again.issuer().unwrap()], clock()).unwrap();
        assert_eq!(verifier.verify(&token).await.unwrap().subject, "gangway-development#sales");
    }

    #[test]
    fn an_issuer_whose_key_is_missing_or_fetched_in_the_clear_stops_the_start() {
        for keys in [r#""pem":"/no/such/key.pem""#, r#""jwks_url":"http://login.example.test/keys""#] {
            let list =
                format!(r#"[{{"issuer":"https://login.example.test","audience":"a","algorithms":["ES256"],{keys}}}]"#);
            let config = config(("GANGWAY_JWT_ISSUERS", &list));
            assert!(matches!(issuer(&config.auth.issuers[0], &clock()), Err(Error::Violation(_))), "{keys}");
        }
    }
}
