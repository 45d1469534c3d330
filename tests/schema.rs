//! The committed schema is the built one, every part of it says what it is, and nothing is written twice.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::{collections::BTreeSet, fs, path::Path, sync::Arc};

use async_graphql::{
    Positioned, Request, Response, ServerError,
    extensions::{Extension, ExtensionContext, ExtensionFactory, NextExecute},
    parser::{
        parse_query, parse_schema,
        types::{FieldDefinition, OperationType, Selection, TypeKind, TypeSystemDefinition},
    },
};
use futures_util::StreamExt;
use gangway::{
    auth::permission::{Surface, TABLE},
    graphql::{self, error::ErrorCode, extensions::guarded, guard::Limits},
};

fn committed() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("schema.graphql")).unwrap_or_default()
}

#[test]
fn the_committed_schema_is_the_built_one() {
    let (built, new) = (graphql::sdl(), Path::new(env!("CARGO_MANIFEST_DIR")).join("schema.graphql.new"));
    if committed() != built {
        fs::write(&new, built).unwrap();
        panic!("the schema changed: look at the diff, then `mv schema.graphql.new schema.graphql`");
    }
}

/// What clients were told that they can rely on, by name: `Type.field`, and `Enum.VALUE`. A name leaves this list when its
/// field was deprecated for long enough, and never together with a change of the schema.
#[test]
fn what_clients_were_promised_is_there() {
    let built = graphql::sdl();
    let promised = include_str!("promised.txt");
    let is_there = |name: &str| {
        let (owner, member) = name.split_once('.').unwrap();
        let mut found = ["type", "interface", "input", "enum"].into_iter().flat_map(|of| {
            // `implements` may stand behind the name.
            let rest = built.split_once(&format!("\n{of} {owner} ")).map(|(_, rest)| rest.split('{').next().unwrap());
            rest.map(|rest| body(&built, format!("{of} {owner} {rest}").trim_end())).unwrap_or_default()
        });
        found.any(|line| line.split([':', '(', ' ']).next() == Some(member))
    };
    let absent: Vec<_> = promised.lines().filter(|name| !is_there(name)).collect();
    assert!(absent.is_empty() && promised.lines().count() > 240, "{absent:?}");
}

/// The lines of a type's body, without descriptions; the arguments of a field stand on its line.
fn body(sdl: &str, definition: &str) -> Vec<String> {
    let Some((_, rest)) = sdl.split_once(&format!("\n{definition} ")) else { return Vec::new() };
    let body = rest.split_once("{\n").unwrap().1.split_once("\n}").unwrap().0;
    let plain: String = body.split("\"\"\"").step_by(2).collect();
    let mut lines: Vec<String> = Vec::new();
    for line in plain.lines().filter(|line| !line.trim().is_empty()) {
        let is_inside = lines.last().is_some_and(|last| last.matches('(').count() > last.matches(')').count());
        match lines.last_mut().filter(|_| is_inside) {
            Some(last) => last.push_str(line.trim()),
            None => lines.push(line.trim().to_owned()),
        }
    }
    lines
}

/// The name of a field and the type it gives.
fn parts(field: &str) -> (&str, &str) {
    let name = field.split(['(', ':']).next().unwrap();
    let r#type = field.rsplit_once("): ").or_else(|| field.split_once(": ")).unwrap().1;
    (name, r#type.split(' ').next().unwrap())
}

/// A root field that fails takes nothing with it. `nodes` is as Relay has it: its items are null one by one.
#[test]
fn every_root_field_but_nodes_is_nullable() {
    let built = graphql::sdl();
    let mut count = 0;
    for root in ["Query", "Mutation", "Subscription"] {
        let fields = body(&built, &format!("type {root}"));
        count += fields.len();
        let strict = fields.iter().map(|field| parts(field)).filter(|(_, r#type)| r#type.ends_with('!'));
        let expected = if root == "Query" { vec![("nodes", "[Node]!")] } else { Vec::new() };
        assert_eq!(strict.collect::<Vec<_>>(), expected, "{root}");
    }
    assert!(count > 70, "{count}");
}

/// What may come twice without a key or a revision, and why nothing is done twice then.
const SAFE_TWICE: &[(&str, &str)] = &[
    ("apiKeyRevoke", "a key ends once; a second end is refused"),
    ("connectorProbe", "whoever looks twice sees what is there the second time"),
    ("dataReturnAcknowledge", "a return is judged once; a second verdict is refused"),
    ("factsVerify", "each row has its revision"),
    ("jobCancel", "a job that was asked to stop is not asked again"),
    ("jobPlan", "a plan starts nothing and ends by itself; a kept one would tell of a world that has gone on"),
    ("recipientKeyConfirm", "a key is confirmed once; a second proof is refused"),
];

/// A request whose answer was lost is sent again, and must not do its thing twice: what makes or starts something has
/// an idempotency key and says whether it was replayed, what changes something names the revision it changes.
#[test]
fn every_mutation_has_an_idempotency_key_or_a_revision() {
    let built = graphql::sdl();
    let mut without = Vec::new();
    for field in body(&built, "type Mutation") {
        let (name, _) = parts(&field);
        let (first, rest) = name.split_at(1);
        let noun = format!("{}{rest}", first.to_uppercase());
        let input = body(&built, &format!("input {noun}Input"));
        let has = |field: &str| input.iter().any(|line| line.starts_with(field));
        let is_replayed = body(&built, &format!("type {noun}Payload")).iter().any(|line| line == "replayed: Boolean!");
        assert!(!input.is_empty(), "{name} takes its input as {noun}Input");
        assert_eq!(has("idempotencyKey: String!"), is_replayed, "{name}: a key and `replayed` go together");
        if !is_replayed && !has("expectedRevision: Int!") {
            without.push(name.to_owned());
        }
    }
    let known: Vec<_> = SAFE_TWICE.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(without, known, "give the input an idempotency key, or say here why none is needed");
}

/// Type definitions without a description, found by reading the SDL the way a person does: the
/// line before a definition closes a description.
#[test]
fn everything_in_the_schema_has_a_description() {
    let built = graphql::sdl();
    let lines: Vec<&str> = std::iter::once("").chain(built.lines()).map(str::trim).collect();
    let is_definition = |line: &str| {
        ["type ", "interface ", "input ", "enum ", "union ", "scalar "].iter().any(|word| line.starts_with(word))
    };
    let bare: Vec<_> = lines
        .windows(2)
        .filter(|pair| is_definition(pair[1]) && !pair[0].ends_with("\"\"\""))
        .map(|pair| pair[1])
        .collect();
    assert!(bare.is_empty(), "without a description: {bare:#?}");
}

/// A field that nobody decided about would be refused to everybody; a decision about no field is a promise.
#[test]
fn every_root_field_has_its_line_in_the_table_of_permissions_and_no_other_line_stands_there() {
    let built = graphql::sdl();
    for (root, surface) in
        [("Query", Surface::Query), ("Mutation", Surface::Mutation), ("Subscription", Surface::Subscription)]
    {
        let body = built.split_once(&format!("\ntype {root} {{\n")).unwrap().1.split_once("\n}").unwrap().0;
        // Descriptions stand between lines of quotes, arguments are indented once more.
        let outside = body.split("\"\"\"").step_by(2).flat_map(str::lines);
        let fields: BTreeSet<_> = outside
            .filter_map(|line| Some(line.strip_prefix('\t')?.split(['(', ':']).next()?.to_owned()))
            .filter(|name| name.starts_with(|first: char| first.is_ascii_lowercase()))
            .collect();
        let rows = TABLE.iter().filter(|row| row.surface == surface).map(|row| row.field.to_owned());
        assert_eq!(fields, rows.collect::<BTreeSet<_>>(), "{root}");
    }
}

/// Stops every request once it is validated, and tells what validation said.
struct ValidateOnly;

impl ExtensionFactory for ValidateOnly {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_graphql::async_trait::async_trait]
impl Extension for ValidateOnly {
    async fn execute(&self, _: &ExtensionContext<'_>, _: Option<&str>, _: NextExecute<'_>) -> Response {
        Response::new(async_graphql::Value::from("valid"))
    }
}

/// What validation has against `document`. A valid subscription reaches its resolver, which asks who is there; what is
/// wrong with a document itself has no path.
async fn invalid(document: &str) -> Vec<ServerError> {
    let schema = graphql::builder().extension(ValidateOnly).finish();
    let answer = schema.execute_stream(Request::new(document)).next().await.unwrap();
    answer.errors.into_iter().filter(|error| error.path.is_empty()).collect()
}

/// Why `document` is too much for one request, if it is.
async fn excess(document: &str) -> Option<String> {
    let schema = guarded(graphql::builder(), Limits::default()).extension(ValidateOnly).finish();
    let answer = schema.execute_stream(Request::new(document)).next().await.unwrap();
    let is_excess = |error: &ServerError| {
        let code = error.extensions.as_ref().and_then(|extensions| extensions.get("code"));
        code == Some(&async_graphql::Value::from(ErrorCode::QueryTooComplex.as_str()))
    };
    answer.errors.into_iter().find(is_excess).map(|error| error.message)
}

fn examples() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/examples");
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let graphql = entries.filter(|path| path.extension().is_some_and(|extension| extension == "graphql"));
    graphql.map(|path| (path.display().to_string(), fs::read_to_string(path).unwrap())).collect()
}

#[tokio::test]
async fn every_example_is_valid_and_says_what_it_is_for() {
    assert!(examples().len() > 30);
    for (path, example) in examples() {
        assert!(example.starts_with("# "), "{path} begins with a comment that says what it is for");
        let invalid = invalid(&example).await;
        assert!(invalid.is_empty(), "{path}: {invalid:?}");
        assert_eq!(excess(&example).await, None, "{path}");
    }
}

/// The fields of a root type with their descriptions.
fn root_fields(root: &str) -> Vec<(String, String)> {
    let document = parse_schema(graphql::sdl()).unwrap();
    let of_root = document.definitions.into_iter().find_map(|definition| match definition {
        TypeSystemDefinition::Type(Positioned { node, .. }) if node.name.node == root => Some(node.kind),
        _ => None,
    });
    let Some(TypeKind::Object(object)) = of_root else { panic!("{root} is no object") };
    let described = |field: FieldDefinition| (field.name.node.to_string(), field.description.unwrap().node);
    object.fields.into_iter().map(|field| described(field.node)).collect()
}

/// The one field that `example`, an operation of this type, asks for.
fn asked(example: &str, root: OperationType) -> Option<String> {
    let document = parse_query(example).ok()?;
    let (_, operation) = document.operations.iter().next()?;
    match operation.node.selection_set.node.items.as_slice() {
        [Positioned { node: Selection::Field(field), .. }] if operation.node.ty == root => {
            Some(field.node.name.node.to_string())
        }
        _ => None,
    }
}

#[tokio::test]
async fn every_root_field_has_an_example_that_is_valid_as_it_stands() {
    for (root, operation) in [
        ("Query", OperationType::Query),
        ("Mutation", OperationType::Mutation),
        ("Subscription", OperationType::Subscription),
    ] {
        for (field, description) in root_fields(root) {
            let example = description.split_once("Example:").and_then(|(_, rest)| rest.split('`').nth(1));
            let example = example.unwrap_or_else(|| panic!("{root}.{field} has no example"));
            assert_eq!(asked(example, operation).as_deref(), Some(field.as_str()), "{example}");
            let invalid = invalid(example).await;
            assert!(invalid.is_empty(), "{root}.{field}: {invalid:?}");
            assert!(root != "Mutation" || example.contains("userErrors"), "{example} looks away from what went wrong");
        }
    }
}
