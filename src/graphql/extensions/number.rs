//! Finding a number that no `Int` holds, by the argument it stands in.
//!
//! The library's validation asks only whether a number is whole. That it is too large shows when a resolver reads its
//! arguments, in an error that names the type and nothing else. So arguments are looked through here, as they are
//! written: each fragment once, every variable where it is used.

use async_graphql::{
    Name, Value, Variables,
    parser::types::{ExecutableDocument, Field, OperationType, Selection, SelectionSet},
    registry::{MetaType, MetaTypeName, Registry},
};

/// The place of the first number that no `Int` holds, as a path that begins with the argument: `input.rows.0.count`.
pub(super) fn too_wide(document: &ExecutableDocument, variables: &Variables, types: &Registry) -> Option<String> {
    let search = Search { document, variables, types };
    let mut operations = document.operations.iter();
    let mut fragments = document.fragments.values();
    let found = operations.find_map(|(_, operation)| {
        let root = match operation.node.ty {
            OperationType::Query => Some(types.query_type.as_str()),
            OperationType::Mutation => types.mutation_type.as_deref(),
            OperationType::Subscription => types.subscription_type.as_deref(),
        };
        search.set(&operation.node.selection_set.node, root)
    });
    found.or_else(|| {
        fragments.find_map(|fragment| {
            let on = fragment.node.type_condition.node.on.node.as_str();
            search.set(&fragment.node.selection_set.node, Some(on))
        })
    })
}

struct Search<'a> {
    document: &'a ExecutableDocument,
    variables: &'a Variables,
    types: &'a Registry,
}

impl Search<'_> {
    /// Walks what is written, not what it expands to; the parser bounds the nesting.
    fn set(&self, set: &SelectionSet, parent: Option<&str>) -> Option<String> {
        set.items.iter().find_map(|item| match &item.node {
            Selection::Field(field) => self.field(&field.node, parent),
            Selection::InlineFragment(inline) => {
                let on = inline.node.type_condition.as_ref().map(|condition| condition.node.on.node.as_str());
                self.set(&inline.node.selection_set.node, on.or(parent))
            }
            Selection::FragmentSpread(_) => None,
        })
    }

    fn field(&self, field: &Field, parent: Option<&str>) -> Option<String> {
        // Validation names a field that is not there.
        let known = self.types.types.get(parent?)?.field_by_name(&field.name.node)?;
        let in_arguments = field.arguments.iter().find_map(|(name, value)| {
            let ty = &known.args.get(name.node.as_str())?.ty;
            let sent = value.node.clone().into_const_with(|name| Ok::<_, ()>(self.variable(&name))).ok()?;
            self.value(&sent, ty, name.node.to_string())
        });
        let ty = MetaTypeName::concrete_typename(&known.ty);
        in_arguments.or_else(|| self.set(&field.selection_set.node, Some(ty)))
    }

    fn value(&self, value: &Value, ty: &str, at: String) -> Option<String> {
        let name = MetaTypeName::concrete_typename(ty);
        match value {
            Value::Number(number) if name == "Int" => {
                number.as_i64().is_some_and(|number| i32::try_from(number).is_err()).then_some(at)
            }
            Value::List(items) => {
                items.iter().enumerate().find_map(|(index, item)| self.value(item, ty, format!("{at}.{index}")))
            }
            Value::Object(fields) => {
                let MetaType::InputObject { input_fields, .. } = self.types.types.get(name)? else { return None };
                fields.iter().find_map(|(field, value)| {
                    self.value(value, &input_fields.get(field.as_str())?.ty, format!("{at}.{field}"))
                })
            }
            Value::Null
            | Value::Number(_)
            | Value::String(_)
            | Value::Boolean(_)
            | Value::Binary(_)
            | Value::Enum(_) => None,
        }
    }

    /// What was sent for a variable, else its default, else nothing.
    fn variable(&self, name: &Name) -> Value {
        let default = || {
            let operations = self.document.operations.iter();
            let mut definitions = operations.flat_map(|(_, operation)| &operation.node.variable_definitions);
            let definition = definitions.find(|definition| definition.node.name.node == *name)?;
            definition.node.default_value.as_ref().map(|value| value.node.clone())
        };
        self.variables.get(name.as_str()).cloned().or_else(default).unwrap_or(Value::Null)
    }
}
