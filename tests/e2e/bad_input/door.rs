//! The schema as strangers ask it, and what cannot stand in each place of an input.

use std::collections::{BTreeMap, BTreeSet};

use async_graphql::{Request, Variables};
use gangway::{
    auth::Actor,
    domain::role::Role,
    graphql::{
        self, Schema,
        extensions::{Progress, RequestId, finish, guarded},
        guard::Limits,
    },
};
use serde_json::{Value, json};

use crate::support::TestApp;

const INPUTS: &str = "{ __schema { types { kind name inputFields(includeDeprecated: true) { name type { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } } }";

/// The schema with its guards, and the input types it has.
pub(super) struct Door {
    schema: Schema,
    kinds: BTreeMap<String, String>,
    inputs: BTreeMap<String, BTreeMap<String, String>>,
}

impl Door {
    pub(super) async fn of(app: &TestApp) -> Self {
        let schema = guarded(graphql::builder().data(app.tap.clone()), Limits::default()).finish();
        let read = app.ask(&app.staff(Role::Admin), INPUTS, json!({})).await;
        let (mut kinds, mut inputs) = (BTreeMap::new(), BTreeMap::new());
        for r#type in read["__schema"]["types"].as_array().unwrap() {
            let name = r#type["name"].as_str().unwrap().to_owned();
            let fields = r#type["inputFields"].as_array().cloned().unwrap_or_default();
            let field = |field: &Value| (field["name"].as_str().unwrap().to_owned(), named(&field["type"]));
            inputs.insert(name.clone(), fields.iter().map(field).collect());
            kinds.insert(name, r#type["kind"].as_str().unwrap().to_owned());
        }
        Self { schema, kinds, inputs }
    }

    /// The answer as it leaves.
    pub(super) async fn ask(&self, app: &TestApp, actor: &Actor, document: &str, variables: Value) -> Value {
        let (progress, id) = (Progress::default(), RequestId::new("req_test"));
        let request = Request::new(document).variables(Variables::from_json(variables));
        let request = graphql::request(request, &app.app, actor.clone()).data(progress.clone()).data(id.clone());
        let mut answer = self.schema.execute(request).await;
        finish(&mut answer, &progress, &id);
        serde_json::to_value(&answer).unwrap()
    }

    /// Every field of every input there is, as `Type.field`.
    pub(super) fn fields(&self) -> BTreeSet<String> {
        let all =
            self.inputs.iter().flat_map(|(name, fields)| fields.keys().map(move |field| format!("{name}.{field}")));
        all.collect()
    }

    /// The fields that `input`, which is of the type `name`, fills in.
    pub(super) fn filled(&self, name: &str, input: &Value, into: &mut BTreeSet<String>) {
        match input {
            Value::Array(items) => items.iter().for_each(|item| self.filled(name, item, into)),
            Value::Object(fields) if self.kinds[name] == "INPUT_OBJECT" => {
                for (field, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
                    into.insert(format!("{name}.{field}"));
                    self.filled(&self.inputs[name][field], value, into);
                }
            }
            _ => {}
        }
    }

    /// Every place in `input`, which is of the type `name`, with the type that stands there.
    pub(super) fn leaves(&self, name: &str, input: &Value, at: &str, into: &mut Vec<(String, String)>) {
        match input {
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.leaves(name, item, &format!("{at}/{index}"), into);
                }
            }
            Value::Object(fields) if self.kinds[name] == "INPUT_OBJECT" => {
                for (field, value) in fields {
                    self.leaves(&self.inputs[name][field], value, &format!("{at}/{field}"), into);
                }
            }
            Value::Null => {}
            _ => into.push((at.to_owned(), name.to_owned())),
        }
    }

    /// Values that cannot stand where `name` is asked for.
    pub(super) fn wrong(&self, name: &str, place: &str) -> Vec<Value> {
        match name {
            "String" => {
                vec![json!("a\u{0}b"), json!("bell\u{7}"), json!("x\u{202e}y"), json!("x".repeat(5_000)), json!(7)]
            }
            "ID" => vec![
                json!("nonsense"),
                json!(""),
                json!("\u{0}"),
                json!("cli_01h455vb4pex5vsknk084sn0zz9"),
                json!("x".repeat(5_000)),
            ],
            "Int" if place.ends_with("expectedRevision") => {
                vec![json!(0), json!(-1), json!(i32::MAX), json!(3_000_000_000_i64), json!("1")]
            }
            // A due date may lie before its day, but not that far.
            "Int" if place.ends_with("due/days") => vec![json!(i32::MIN), json!(i32::MAX), json!("many")],
            "Int" => vec![json!(-1), json!(i32::MAX), json!(3_000_000_000_i64), json!("many")],
            "Float" => vec![json!(-500.5), json!(1e300), json!("north")],
            "Long" => vec![json!("-1"), json!("1.5"), json!("9223372036854775808"), json!(""), json!(1.5), json!(true)],
            "Boolean" => vec![json!("yes"), json!(1)],
            "Date" => vec![
                json!("2026-02-30"),
                json!("02/03/2026"),
                json!("2026-03-02T09:00:00Z"),
                json!("0001-01-01"),
                json!("9999-12-31"),
                json!("tomorrow"),
                json!(20_260_302),
            ],
            "DateTime" => vec![
                json!("2026-03-02"),
                json!("2026-03-02T25:00:00Z"),
                json!("0001-01-01T00:00:00Z"),
                json!("9999-12-31T23:59:59Z"),
                json!("now"),
                json!(0),
            ],
            "JSONObject" => vec![json!("{}"), json!(7), json!([]), json!({ "title": "a\u{0}b" }), json!({})],
            _ if self.kinds[name] == "ENUM" => vec![json!("NONSENSE"), json!("grant"), json!(0)],
            _ => panic!("say what cannot stand for a {name}"),
        }
    }
}

fn named(mut r#type: &Value) -> String {
    while r#type["ofType"].is_object() {
        r#type = &r#type["ofType"];
    }
    r#type["name"].as_str().unwrap().to_owned()
}

/// What an answer complains of.
#[derive(Debug)]
pub(super) struct Complaint {
    pub(super) code: String,
    /// The place in the input, its parts divided by `/`.
    pub(super) path: String,
    pub(super) remedy: Option<String>,
}

impl Complaint {
    /// The first one, if there is any.
    pub(super) fn of(answer: &Value) -> Option<Self> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        if let Some(error) = answer["errors"].as_array().and_then(|errors| errors.first()) {
            let extensions = &error["extensions"];
            let field = text(&extensions["field"]).unwrap_or_default().replace('.', "/");
            let path = ["input/", "filter/"].iter().find_map(|variable| field.strip_prefix(variable)).unwrap_or(&field);
            let (code, remedy) = (text(&extensions["code"]).unwrap_or_default(), text(&extensions["remedy"]));
            return Some(Self { code, path: path.to_owned(), remedy });
        }
        let payload = answer["data"].as_object()?.values().next()?;
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let rows = list(&payload["results"]).into_iter().flat_map(|row| list(&row["userErrors"]));
        let error = list(&payload["userErrors"]).into_iter().chain(rows).next()?;
        let path: Vec<_> = list(&error["path"]).iter().map(|part| part.as_str().unwrap().to_owned()).collect();
        Some(Self { code: text(&error["code"])?, path: path.join("/"), remedy: text(&error["remedy"]) })
    }

    /// Whether it says which place in the input it is about, and that is `place`, a JSON pointer.
    pub(super) fn names(&self, place: &str) -> bool {
        let place = &place[1..];
        !self.path.is_empty() && (place.starts_with(&self.path) || self.path.starts_with(place))
    }
}
