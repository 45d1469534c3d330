//! Every way through the schema, found in the schema itself: each field of each type is reached at least once.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use gangway::domain::role::Role;
use serde_json::{Value, json};

use crate::support::TestApp;

const INTROSPECTION: &str = "{ __schema { queryType { name } mutationType { name } subscriptionType { name }
    types { kind name possibleTypes { name } fields(includeDeprecated: true) { name args { name defaultValue type { kind } } type { ...T } } } } }
    fragment T on __Type { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } }";

/// A field of a type: what it is called, what it gives, and whether it can be asked without arguments.
struct Field {
    name: String,
    gives: String,
    is_free: bool,
}

/// The types of the schema, by name.
pub(crate) struct Types {
    kinds: BTreeMap<String, String>,
    fields: BTreeMap<String, Vec<Field>>,
    possible: BTreeMap<String, Vec<String>>,
}

/// A question and the way it takes, for the message of a failed test.
pub(crate) struct Question {
    pub(crate) document: String,
    pub(crate) way: String,
}

fn named(mut r#type: &Value) -> String {
    while r#type["ofType"].is_object() {
        r#type = &r#type["ofType"];
    }
    r#type["name"].as_str().unwrap().to_owned()
}

impl Types {
    pub(crate) async fn read(app: &TestApp) -> Self {
        let schema = app.ask(&app.staff(Role::Admin), INTROSPECTION, json!({})).await["__schema"].take();
        let mut types = Self { kinds: BTreeMap::new(), fields: BTreeMap::new(), possible: BTreeMap::new() };
        for r#type in schema["types"].as_array().unwrap() {
            let name = r#type["name"].as_str().unwrap().to_owned();
            let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
            let (fields, possible) = (list(&r#type["fields"]), list(&r#type["possibleTypes"]));
            let fields = fields.iter().map(|field| Field {
                name: field["name"].as_str().unwrap().to_owned(),
                gives: named(&field["type"]),
                is_free: list(&field["args"])
                    .iter()
                    .all(|arg| arg["type"]["kind"] != "NON_NULL" || arg["defaultValue"].is_string()),
            });
            types.fields.insert(name.clone(), fields.collect());
            let possible = possible.iter().map(|one| one["name"].as_str().unwrap().to_owned());
            types.possible.insert(name.clone(), possible.collect());
            types.kinds.insert(name, r#type["kind"].as_str().unwrap().to_owned());
        }
        types
    }

    /// The fields of a root type.
    pub(crate) fn roots(&self, root: &str) -> BTreeSet<String> {
        self.fields[root].iter().map(|field| field.name.clone()).collect()
    }

    fn is_leaf(&self, name: &str) -> bool {
        matches!(self.kinds[name].as_str(), "SCALAR" | "ENUM")
    }

    /// Every field of `name` that gives a value and needs no arguments.
    fn values(&self, name: &str) -> String {
        let fields = self.fields[name].iter().filter(|field| field.is_free && self.is_leaf(&field.gives));
        fields.fold("__typename".to_owned(), |text, field| format!("{text} {}", field.name))
    }

    /// The ways on from `name`: fields that give objects, or the types that it can be.
    fn onward(&self, name: &str) -> Vec<(String, String)> {
        let possible = self.possible[name].iter().map(|one| (format!("... on {one}"), one.clone()));
        let fields = self.fields[name].iter().filter(|field| !self.is_leaf(&field.gives)).map(|field| {
            assert!(field.is_free, "{name}.{} needs arguments: say which in this test", field.name);
            (field.name.clone(), field.gives.clone())
        });
        if possible.len() > 0 { possible.collect() } else { fields.collect() }
    }

    /// Questions that together ask for every field that can be reached from the fields of `Query`, each asked with
    /// the arguments that `arguments` gives it.
    pub(crate) fn questions(&self, arguments: impl Fn(&str) -> Vec<String>) -> Vec<Question> {
        let mut questions = Vec::new();
        let mut visited = BTreeSet::new();
        let mut waiting: VecDeque<(String, Vec<String>, String)> = VecDeque::new();
        for root in &self.fields["Query"] {
            for arguments in arguments(&root.name) {
                waiting.push_back((root.gives.clone(), vec![format!("{}{arguments}", root.name)], root.name.clone()));
            }
        }
        // Every form of every root is asked; what hangs below a type is asked once for each root that leads to it first.
        while let Some((name, way, root)) = waiting.pop_front() {
            if !self.is_leaf(&name) {
                questions.push(self.question(&way, &name));
            }
            let is_first = visited.insert(name.clone());
            let is_root = way.len() == 1;
            if (is_first || is_root) && !self.is_leaf(&name) {
                for (step, gives) in self.onward(&name) {
                    let mut further = way.clone();
                    further.push(step);
                    waiting.push_back((gives, further, root.clone()));
                }
            }
        }
        questions
    }

    fn question(&self, way: &[String], name: &str) -> Question {
        let mut document = format!("{{ {} }}", self.values(name));
        for step in way.iter().rev() {
            document = format!("{{ {step} {document} }}");
        }
        Question { document, way: way.join(" > ") }
    }

    /// The object types that can be reached from `Query`.
    pub(crate) fn reachable(&self) -> BTreeSet<String> {
        let mut reached = BTreeSet::new();
        let mut waiting = vec!["Query".to_owned()];
        while let Some(name) = waiting.pop() {
            if !self.is_leaf(&name) && reached.insert(name.clone()) {
                waiting.extend(self.onward_of_all(&name));
            }
        }
        reached
    }

    fn onward_of_all(&self, name: &str) -> Vec<String> {
        let fields = self.fields[name].iter().map(|field| field.gives.clone());
        fields.chain(self.possible[name].iter().cloned()).collect()
    }
}
