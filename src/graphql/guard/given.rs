//! What is given for a document's variables, and how much of it its arguments carry.

use std::collections::HashMap;

use async_graphql::{
    Name, Positioned, Value, Variables,
    parser::types::{Field, OperationDefinition},
};
use async_graphql_value::Value as Written;

/// What is asked of values that are given as variables.
pub(super) struct Given<'a> {
    variables: &'a Variables,
    /// The defaults of all operations.
    defaults: HashMap<&'a str, Vec<&'a Value>>,
    /// How many bytes one use of a variable copies: those of the value sent, else of the largest default.
    bytes: HashMap<&'a str, u64>,
}

impl<'a> Given<'a> {
    pub(super) fn new(operations: impl Iterator<Item = &'a OperationDefinition>, variables: &'a Variables) -> Self {
        let mut defaults: HashMap<_, Vec<_>> = HashMap::new();
        for definition in operations.flat_map(|operation| &operation.variable_definitions) {
            if let Some(default) = &definition.node.default_value {
                defaults.entry(definition.node.name.node.as_str()).or_default().push(&default.node);
            }
        }
        let largest = |values: &Vec<&Value>| values.iter().map(|value| bytes(value)).max().unwrap_or_default();
        let mut sizes: HashMap<_, _> = defaults.iter().map(|(name, values)| (*name, largest(values))).collect();
        sizes.extend(variables.iter().map(|(name, value)| (name.as_str(), bytes(value))));
        Self { variables, defaults, bytes: sizes }
    }

    /// How many bytes of variables `arguments` carry. The library copies a variable wherever it is used.
    pub(super) fn carried(&self, arguments: &[(Positioned<Name>, Positioned<Written>)]) -> u64 {
        arguments.iter().fold(0, |sum: u64, (_, value)| sum.saturating_add(self.within(&value.node)))
    }

    fn within(&self, value: &Written) -> u64 {
        let sum = |sum: u64, value| sum.saturating_add(self.within(value));
        match value {
            Written::Variable(name) => self.bytes.get(name.as_str()).copied().unwrap_or_default(),
            Written::List(items) => items.iter().fold(0, sum),
            Written::Object(members) => members.values().fold(0, sum),
            Written::Null
            | Written::Number(_)
            | Written::String(_)
            | Written::Boolean(_)
            | Written::Binary(_)
            | Written::Enum(_) => 0,
        }
    }

    /// Whether the argument `name` of `field` may hold something other than null for `member`.
    pub(super) fn says(&self, field: &Field, name: &str, member: &str) -> bool {
        match field.get_argument(name).map(|value| &value.node) {
            Some(Written::Object(members)) => match members.get(member) {
                Some(Written::Variable(name)) => self.values(name).any(|value| *value != Value::Null),
                Some(value) => *value != Written::Null,
                None => false,
            },
            Some(Written::Variable(name)) => self.values(name).any(|value| match value {
                Value::Object(members) => members.get(member).is_some_and(|value| *value != Value::Null),
                _ => false,
            }),
            _ => false,
        }
    }

    /// What may stand for the variable `name`: the value sent, else the default of any operation.
    fn values(&self, name: &Name) -> impl Iterator<Item = &Value> {
        let sent = self.variables.get(name);
        let defaults = if sent.is_some() { None } else { self.defaults.get(name.as_str()) };
        sent.into_iter().chain(defaults.into_iter().flatten().copied())
    }
}

/// About as many bytes as `value` has as JSON, and never more: what one request carries once is no more than its body.
fn bytes(value: &Value) -> u64 {
    let sum = |sum: u64, bytes: u64| sum.saturating_add(bytes).saturating_add(1);
    match value {
        Value::Null | Value::Number(_) | Value::Boolean(_) => 1,
        Value::String(text) => text.len() as u64 + 2,
        Value::Enum(name) => name.len() as u64,
        Value::Binary(binary) => binary.len() as u64,
        Value::List(items) => items.iter().map(bytes).fold(1, sum),
        Value::Object(members) => members.iter().map(|(name, value)| name.len() as u64 + bytes(value)).fold(1, sum),
    }
}
