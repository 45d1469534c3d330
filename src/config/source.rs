//! Where the text of a setting comes from: flags, environment, files.

use std::{collections::BTreeMap, fmt};

use super::{Secret, Setting, Value};

/// Names the settings file; `--config` does the same.
const FILE_VARIABLE: &str = "GANGWAY_CONFIG";
/// Read by the commands that call a server, not by the server.
const CLIENT_VARIABLES: &[&str] = &["GANGWAY_URL", "GANGWAY_TOKEN", "GANGWAY_TOKEN_FILE"];
/// The keys of S3 stores, whose names are settings themselves.
const STORE_PREFIX: &str = "GANGWAY_S3_";

/// What the command line said: variable and value.
pub type Flags = BTreeMap<&'static str, String>;

/// The variables of the process that could be settings.
#[derive(Clone, Debug, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// Those of this process. A variable that is not UTF-8 counts as absent.
    pub fn of_process() -> Self {
        let known = |name: &str| {
            name.starts_with("GANGWAY_") || name.starts_with("DATABASE_URL") || name.starts_with("REDIS_URL")
        };
        let pairs =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self(pairs.filter(|(name, _)| known(name)).collect())
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Environment {
    fn from(pairs: [(&str, &str); N]) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

/// One thing that is wrong with the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The variable to mend, or the file.
    pub variable: String,
    /// What is wrong with it.
    pub message: String,
}

impl Problem {
    pub(super) fn new(variable: impl Into<String>, message: impl Into<String>) -> Self {
        Self { variable: variable.into(), message: message.into() }
    }
}

/// Everything that is wrong with the settings: one line each when printed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub struct Problems(Vec<Problem>);

impl Problems {
    pub(super) fn new(problems: Vec<Problem>) -> Self {
        Self(problems)
    }

    /// The problems, one by one.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the settings cannot be used:")?;
        self.0.iter().try_for_each(|problem| write!(f, "\n  {} {}", problem.variable, problem.message))
    }
}

/// The text of every setting that was given, by variable.
pub(super) struct Sources<'a> {
    given: BTreeMap<String, String>,
    environment: &'a Environment,
}

impl<'a> Sources<'a> {
    /// The environment alone.
    pub(super) fn of(environment: &'a Environment) -> Self {
        Self { given: BTreeMap::new(), environment }
    }

    pub(super) fn collect(
        flags: &Flags,
        environment: &'a Environment,
        settings: &[Setting],
        problems: &mut Vec<Problem>,
    ) -> Self {
        let mut sources = Self::of(environment);
        let file =
            flags.get(FILE_VARIABLE).or_else(|| environment.0.get(FILE_VARIABLE)).filter(|path| !path.is_empty());
        if let Some(path) = file {
            match read_file(path, settings) {
                Ok(texts) => sources.given.extend(texts),
                Err(found) => problems.extend(found),
            }
        }
        for setting in settings {
            sources.take_variable(setting.variable, setting.is_secret, problems);
        }
        sources.given.extend(flags.iter().map(|(variable, text)| ((*variable).to_owned(), text.clone())));
        sources
    }

    /// Takes `variable`, or for a secret the contents of the file that `variable` and `_FILE` names.
    /// An empty variable counts as unset: that is how compose files leave one out.
    fn take_variable(&mut self, variable: &str, is_secret: bool, problems: &mut Vec<Problem>) {
        let get = |name: &str| self.environment.0.get(name).filter(|text| !text.is_empty());
        let file_variable = format!("{variable}_FILE");
        let text = match (get(variable), get(&file_variable).filter(|_| is_secret)) {
            (Some(_), Some(_)) => {
                problems.push(Problem::new(variable, format!("and {file_variable} are both set: keep one")));
                return;
            }
            (Some(text), None) => Some(text.clone()),
            (None, Some(path)) => match std::fs::read_to_string(path) {
                Ok(text) => Some(text.trim_end_matches(['\r', '\n']).to_owned()),
                Err(error) => {
                    problems.push(Problem::new(file_variable, format!("cannot be read: {path}: {error}")));
                    return;
                }
            },
            (None, None) => None,
        };
        if let Some(text) = text {
            self.given.insert(variable.to_owned(), text);
        }
    }

    /// The value of `variable`, or that of `default`. `None` after adding to `problems`.
    pub(super) fn value<T: Value>(&self, variable: &str, default: &str, problems: &mut Vec<Problem>) -> Option<T> {
        let text = self.given.get(variable).map_or(default, String::as_str);
        T::parse(text).map_err(|message| problems.push(Problem::new(variable, message))).ok()
    }

    /// A secret that must be there. `None` after adding to `problems`.
    pub(super) fn secret(&self, variable: &str, problems: &mut Vec<Problem>) -> Option<Secret> {
        let mut alone = Self::of(self.environment);
        let before = problems.len();
        alone.take_variable(variable, true, problems);
        let secret = alone.given.remove(variable).map(Secret::new);
        if secret.is_none() && problems.len() == before {
            problems.push(Problem::new(variable, format!("must be set (or {variable}_FILE)")));
        }
        secret
    }

    /// One sentence for each variable that begins like ours and is none of ours.
    pub(super) fn unknown_variables(&self, settings: &[Setting]) -> Vec<String> {
        let is_known = |name: &str| {
            name == FILE_VARIABLE
                || CLIENT_VARIABLES.contains(&name)
                || settings.iter().any(|setting| {
                    name == setting.variable
                        || (setting.is_secret && name.strip_suffix("_FILE") == Some(setting.variable))
                })
                || name.starts_with(STORE_PREFIX)
        };
        let unknown = self.environment.0.keys().filter(|name| name.starts_with("GANGWAY_") && !is_known(name));
        unknown.map(|name| format!("{name} is set but is no setting of this version")).collect()
    }
}

/// Refuses a value outside its bounds, which are written like values.
pub(super) fn within<T: Value + PartialOrd>(
    value: T,
    variable: &str,
    (min, max): (&str, &str),
    problems: &mut Vec<Problem>,
) -> Option<T> {
    let is_inside = T::parse(min).is_ok_and(|min| min <= value) && T::parse(max).is_ok_and(|max| value <= max);
    if !is_inside {
        problems.push(Problem::new(variable, format!("must lie between {min} and {max}")));
    }
    is_inside.then_some(value)
}

/// The texts of the settings file at `path`, by variable.
fn read_file(path: &str, settings: &[Setting]) -> Result<BTreeMap<String, String>, Vec<Problem>> {
    let one = |message: String| vec![Problem::new(path, message)];
    let text = std::fs::read_to_string(path).map_err(|error| one(format!("cannot be read: {error}")))?;
    let tables: toml::Table = text.parse().map_err(|error: toml::de::Error| one(format!("is not TOML: {error}")))?;
    let (mut texts, mut problems) = (BTreeMap::new(), Vec::new());
    for (section, table) in tables {
        let Some(table) = table.as_table() else {
            problems.push(Problem::new(path, format!("`{section}` stands outside a table such as `[server]`")));
            continue;
        };
        for (name, value) in table {
            match file_setting(&section, name, value, settings) {
                Ok((variable, text)) => _ = texts.insert(variable, text),
                Err(message) => problems.push(Problem::new(path, message)),
            }
        }
    }
    if problems.is_empty() { Ok(texts) } else { Err(problems) }
}

fn file_setting(
    section: &str,
    name: &str,
    value: &toml::Value,
    settings: &[Setting],
) -> Result<(String, String), String> {
    let setting = settings
        .iter()
        .find(|setting| setting.section == section && setting.name == name)
        .ok_or_else(|| format!("`{section}.{name}` is no setting"))?;
    if setting.is_secret {
        let variable = setting.variable;
        return Err(format!("`{section}.{name}` is a secret: set {variable} or {variable}_FILE instead"));
    }
    let text = as_text(value).ok_or_else(|| format!("`{section}.{name}` has a form that no setting has"))?;
    Ok((setting.variable.to_owned(), text))
}

/// The value as a variable would write it: lists of plain values joined by commas, tables of plain values
/// as `name=value`, lists of tables as JSON.
fn as_text(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(truth) => Some(truth.to_string()),
        toml::Value::Array(items) if items.iter().any(toml::Value::is_table) => serde_json::to_string(items).ok(),
        toml::Value::Array(items) => items.iter().map(as_text).collect::<Option<Vec<_>>>().map(|texts| texts.join(",")),
        toml::Value::Table(table) => {
            let pairs = table.iter().map(|(name, value)| Some(format!("{name}={}", as_text(value)?)));
            pairs.collect::<Option<Vec<_>>>().map(|texts| texts.join(","))
        }
        toml::Value::Float(_) | toml::Value::Datetime(_) => None,
    }
}
