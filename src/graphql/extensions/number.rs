//! Finding a number that no `Int` holds, by the argument it stands in.
//!
//! The library's validation asks only whether a number is whole. That it is too large shows when a resolver reads its
//! arguments, in an error that names the type and nothing else. So arguments are looked through here, as they are
//! written: each fragment once, every variable where it is used, and none is copied for it.

use async_graphql::{
    Name, Number, Value, Variables,
    parser::types::{ExecutableDocument, Field, OperationType, Selection, SelectionSet},
    registry::{MetaType, MetaTypeName, Registry},
};
use async_graphql_value::Value as Written;

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
            self.written(&value.node, ty, name.node.to_string())
        });
        let ty = MetaTypeName::concrete_typename(&known.ty);
        in_arguments.or_else(|| self.set(&field.selection_set.node, Some(ty)))
    }

    /// A value as the document has it, where a variable stands for what is given for it.
    fn written(&self, value: &Written, ty: &str, at: String) -> Option<String> {
        match value {
            Written::Variable(name) => self.value(self.variable(name)?, ty, at),
            Written::Number(number) => is_too_wide(number, ty).then_some(at),
            Written::List(items) => {
                items.iter().enumerate().find_map(|(index, item)| self.written(item, ty, format!("{at}.{index}")))
            }
            Written::Object(fields) => fields
                .iter()
                .find_map(|(field, value)| self.written(value, self.type_of(ty, field)?, format!("{at}.{field}"))),
            Written::Null | Written::String(_) | Written::Boolean(_) | Written::Binary(_) | Written::Enum(_) => None,
        }
    }

    fn value(&self, value: &Value, ty: &str, at: String) -> Option<String> {
        match value {
            Value::Number(number) => is_too_wide(number, ty).then_some(at),
            Value::List(items) => {
                items.iter().enumerate().find_map(|(index, item)| self.value(item, ty, format!("{at}.{index}")))
            }
            Value::Object(fields) => fields
                .iter()
                .find_map(|(field, value)| self.value(value, self.type_of(ty, field)?, format!("{at}.{field}"))),
            Value::Null | Value::String(_) | Value::Boolean(_) | Value::Binary(_) | Value::Enum(_) => None,
        }
    }

    /// The type of `field` of the input object `ty`.
    fn type_of(&self, ty: &str, field: &Name) -> Option<&str> {
        let known = self.types.types.get(MetaTypeName::concrete_typename(ty))?;
        let MetaType::InputObject { input_fields, .. } = known else { return None };
        Some(&input_fields.get(field.as_str())?.ty)
    }

    /// What was sent for a variable, else its default, else nothing.
    fn variable(&self, name: &Name) -> Option<&Value> {
        let default = || {
            let operations = self.document.operations.iter();
            let mut definitions = operations.flat_map(|(_, operation)| &operation.node.variable_definitions);
            let definition = definitions.find(|definition| definition.node.name.node == *name)?;
            definition.node.default_value.as_ref().map(|value| &value.node)
        };
        self.variables.get(name.as_str()).or_else(default)
    }
}

fn is_too_wide(number: &Number, ty: &str) -> bool {
    MetaTypeName::concrete_typename(ty) == "Int" && number.as_i64().is_some_and(|number| i32::try_from(number).is_err())
}
