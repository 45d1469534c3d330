//! The layers, held: who may import whom, which outside crate stays where, which calls are forbidden, and
//! how long a file may be. One crate cannot enforce this by itself.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use syn::{
    Attribute, ItemMacro, ItemMod, ItemUse, UseTree,
    visit::{self, Visit},
};

/// What each module may import of ours. `clock` is in most lists because it names the type of an instant.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("ids", &[]),
    ("clock", &[]),
    ("config", &[]),
    ("telemetry", &[]),
    ("domain", &["ids"]),
    ("error", &["ids", "domain"]),
    ("auth", &["ids", "clock", "domain", "error"]),
    ("ports", &["ids", "clock", "domain", "error"]),
    ("stream", &["ids", "clock", "domain", "error"]),
    ("store", &["ids", "clock", "domain", "error", "auth"]),
    ("app", &["ids", "clock", "domain", "error", "auth", "ports", "store"]),
    ("adapters", &["ids", "clock", "domain", "error", "ports", "config", "auth"]),
    ("jobs", &["ids", "clock", "domain", "error", "auth", "ports", "app"]),
    ("queue", &["ids", "clock", "domain", "error", "config", "ports", "app", "jobs"]),
    ("reconcile", &["ids", "clock", "domain", "error", "auth", "app", "queue"]),
    ("graphql", &["ids", "clock", "domain", "error", "auth", "app", "stream"]),
    ("http", &["ids", "clock", "domain", "error", "auth", "app", "graphql", "config", "telemetry"]),
];

/// Modules that put everything together may import everything.
const EVERYTHING: &[&str] = &["lib", "main", "startup", "cli"];

/// Outside crates that stay in their place.
const STAYS_IN: &[(&str, &[&str])] = &[
    ("sea_orm", &["store", "startup"]),
    ("entity", &["store"]),
    ("migration", &["store"]),
    ("sqlx", &["store"]),
    ("async_graphql", &["graphql", "http"]),
    ("async_graphql_value", &["graphql"]),
    ("axum", &["http"]),
    ("apalis", &["queue"]),
    ("apalis_core", &["queue"]),
    ("apalis_redis", &["queue"]),
    ("redis", &["queue", "stream", "startup"]),
    ("jsonwebtoken", &["auth"]),
    ("reqwest", &["adapters", "cli"]),
    ("rusty_s3", &["adapters"]),
    ("tokio_tungstenite", &["adapters"]),
    ("zip", &["jobs", "cli"]),
];

/// Calls that only their home may make: the rest is handed a clock, ids or settings.
const HOMES: &[(&str, &[&str])] = &[
    ("Utc::now", &["clock"]),
    ("SystemTime::now", &["clock"]),
    ("Uuid::new_v4", &["clock"]),
    ("Uuid::now_v7", &["clock"]),
    ("env::var", &["config"]),
    ("env::var_os", &["config"]),
    ("env::vars", &["config"]),
    ("thread::sleep", &[]),
    // Who clears an act has asked the gates in the same transaction.
    ("Clearance::grant", &["app"]),
];

/// A file stops being read as a whole somewhere before this many lines.
const LINES_MAX: usize = 600;
/// A file of more lines than this says in its own words why it is [`LONG`].
const LINES_SOON: usize = 400;
/// What the reason begins with.
const LONG: &str = "//! Long because ";

struct Source {
    path: PathBuf,
    module: String,
    text: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    collect(&root, &root, &mut found);
    found
}

fn collect(root: &Path, dir: &Path, found: &mut Vec<Source>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let relative = path.strip_prefix(root).unwrap().to_owned();
            let first = relative.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
            let module = first.trim_end_matches(".rs").to_owned();
            found.push(Source { text: fs::read_to_string(&path).unwrap(), path: relative, module });
        }
    }
}

/// Every path that the code of a file names, tests left out.
#[derive(Default)]
struct Paths(BTreeSet<String>);

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Ident>().is_ok_and(|word| word == "test")
    })
}

impl Paths {
    fn of(source: &Source) -> BTreeSet<String> {
        let mut paths = Self::default();
        paths.visit_file(&syn::parse_file(&source.text).unwrap());
        paths.0
    }

    fn tree(&mut self, prefix: &str, tree: &UseTree) {
        let join = |name: &str| if prefix.is_empty() { name.to_owned() } else { format!("{prefix}::{name}") };
        match tree {
            UseTree::Path(path) => self.tree(&join(&path.ident.to_string()), &path.tree),
            UseTree::Group(group) => group.items.iter().for_each(|item| self.tree(prefix, item)),
            UseTree::Name(name) => drop(self.0.insert(join(&name.ident.to_string()))),
            UseTree::Rename(rename) => drop(self.0.insert(join(&rename.ident.to_string()))),
            UseTree::Glob(_) => drop(self.0.insert(join("*"))),
        }
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if !is_test(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if !is_test(&item.attrs) {
            visit::visit_item_fn(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !is_test(&item.attrs) {
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if !is_test(&item.attrs) {
            self.tree("", &item.tree);
        }
    }

    fn visit_item_macro(&mut self, item: &'ast ItemMacro) {
        // What a macro expands to is not parsed; its text still shows what it names.
        let text = item.mac.tokens.to_string().replace(' ', "");
        for (start, _) in text.match_indices("crate::") {
            let path: String = text[start..].chars().take_while(|c| c.is_alphanumeric() || "_:".contains(*c)).collect();
            self.0.insert(path);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.0.insert(segments.join("::"));
        visit::visit_path(self, path);
    }
}

fn is_test_file(source: &Source) -> bool {
    let path = source.path.to_string_lossy();
    path.contains("/tests/") || path.ends_with("/tests.rs") || path.ends_with("/testing.rs")
}

fn offences(offends: impl Fn(&Source, &str) -> Option<String>) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources().iter().filter(|source| !is_test_file(source)) {
        for path in Paths::of(source) {
            found.extend(offends(source, &path).map(|why| format!("{}: {path}: {why}", source.path.display())));
        }
    }
    found
}

fn assert_none(offences: &[String]) {
    assert!(offences.is_empty(), "\n{}", offences.join("\n"));
}

#[test]
fn types_and_loaders_import_nothing_of_the_fields_that_give_and_take_them() {
    assert_none(&offences(|source, path| {
        let is_below = ["graphql/types", "graphql/loaders"].iter().any(|folder| source.path.starts_with(folder));
        let part = path.strip_prefix("crate::graphql::")?.split("::").next()?;
        let is_above = ["query", "mutation", "subscription"].contains(&part);
        (is_below && is_above).then(|| "what is shared belongs to the type".to_owned())
    }));
}

#[test]
fn modules_import_only_what_their_layer_may() {
    assert_none(&offences(|source, path| {
        let imported = path.strip_prefix("crate::")?.split("::").next()?;
        if EVERYTHING.contains(&source.module.as_str()) || imported == source.module {
            return None;
        }
        let known = MAY_IMPORT.iter().find(|(module, _)| *module == source.module);
        let Some((_, allowed)) = known else { return Some("this module has no line in the import table".to_owned()) };
        let is_module = MAY_IMPORT.iter().any(|(module, _)| *module == imported) || EVERYTHING.contains(&imported);
        (is_module && !allowed.contains(&imported)).then(|| format!("{} may not import it", source.module))
    }));
}

#[test]
fn nobody_reaches_over_two_parents() {
    assert_none(&offences(|_, path| {
        path.starts_with("super::super").then(|| "name the module by `crate::`".to_owned())
    }));
}

#[test]
fn outside_crates_stay_in_their_place() {
    assert_none(&offences(|source, path| {
        let first = path.split("::").next()?;
        let (_, homes) = STAYS_IN.iter().find(|(outside, _)| *outside == first && path.contains("::"))?;
        (!homes.contains(&source.module.as_str())).then(|| format!("it stays in {}", homes.join(", ")))
    }));
}

#[test]
fn clocks_ids_and_settings_are_handed_in() {
    assert_none(&offences(|source, path| {
        let (_, homes) = HOMES.iter().find(|(call, _)| path == *call || path.ends_with(&format!("::{call}")))?;
        (!homes.contains(&source.module.as_str())).then(|| "ask the clock, the id source or the settings".to_owned())
    }));
}

#[test]
fn no_file_grows_past_what_can_be_read() {
    let long = sources().into_iter().filter(|source| source.text.lines().count() > LINES_MAX);
    let long: Vec<_> = long.map(|source| source.path.display().to_string()).collect();
    assert!(long.is_empty(), "longer than {LINES_MAX} lines: {long:?}");
}

/// Tests alone may be long without a reason: their files grow by the case.
#[test]
fn a_long_file_says_why() {
    let silent = sources().into_iter().filter(|source| {
        let is_tests = source.path.ends_with("tests.rs");
        !is_tests && source.text.lines().count() > LINES_SOON && !source.text.contains(LONG)
    });
    let silent: Vec<_> = silent.map(|source| source.path.display().to_string()).collect();
    assert!(silent.is_empty(), "longer than {LINES_SOON} lines without a line `{LONG}…`: {silent:?}");
}

#[test]
fn the_import_table_knows_every_module() {
    let known = |module: &str| MAY_IMPORT.iter().any(|(name, _)| *name == module) || EVERYTHING.contains(&module);
    let unknown: BTreeSet<_> = sources().into_iter().map(|source| source.module).filter(|m| !known(m)).collect();
    assert!(unknown.is_empty(), "no line in the import table: {unknown:?}");
}
