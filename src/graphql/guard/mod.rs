//! What a document weighs once its fragments are expanded, in time linear in its text.
//!
//! A document of 1 kB can expand to millions of fields, and the library's own limits walk that expansion
//! before they refuse it. So every document is weighed here first: each fragment once, its weight
//! remembered and added wherever it is spread. What passes is small enough for everything that follows.
//!
//! The **cost** is static and simple: a field with fields of its own costs 1, a root field of a mutation 10,
//! a plain value nothing; what lies below a connection counts once per node of the page (`first` or `last`,
//! else the default page; `ids` by its length). `edges` and `pageInfo` are parts of a page and cost nothing, and
//! neither does the question what may still be asked. What works through far more than it shows is named in [`DEAR`].
//!
//! Deliberately absent: whether the document fits the schema. That is validation, which comes after.
//! To add a limit, add it to [`Limits`], count it in `Scale`, compare it in `Weight::held_against`.
//!
//! # Source
//! The API's rules, Transport 7: limits on the expanded document, in linear time.

use std::collections::HashMap;

use async_graphql::{
    Name, Positioned, Value, Variables,
    parser::types::{
        Directive, ExecutableDocument, Field, OperationDefinition, OperationType, Selection, SelectionSet,
    },
    registry::{MetaTypeName, Registry},
};

mod given;
#[cfg(test)]
mod tests;

use given::Given;

/// Deeper nesting than this, fragments included, is not even walked. A document within the limits stays
/// far below it, and the stack holds many times as much.
const WALK_MAX: u32 = 64;
/// The type of the root of a mutation.
const MUTATION: &str = "Mutation";
/// What a root field of a mutation costs: a transaction, where a query's field is a part of a read.
const MUTATION_COST: u64 = 10;
/// The field of the query that costs nothing: whoever has nothing left may ask that.
const FREE_ROOT: &str = "rateLimit";
/// What a search costs on top: it works through thousands of rows for one number or page.
const SEARCH_COST: u64 = 200;
/// The fields that search.
const DEAR: [Dear; 2] = [
    Dear { ty: "Pipeline", field: "blockedSteps", when: None },
    Dear { ty: "Query", field: "steps", when: Some(("filter", "isBlocked")) },
];

/// A field that searches: always, or when an argument says something for one of its members.
struct Dear {
    ty: &'static str,
    field: &'static str,
    when: Option<(&'static str, &'static str)>,
}

/// How much a document may weigh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of its text.
    pub bytes: usize,
    /// Operations in one document.
    pub operations: u64,
    /// Variables all operations declare.
    pub variables: u64,
    /// Fields, expanded.
    pub fields: u64,
    /// Fields, spreads and inline fragments, expanded.
    pub selections: u64,
    /// Arguments, expanded.
    pub arguments: u64,
    /// Bytes of variables, each use of one for itself: the library copies them as often.
    pub variable_bytes: u64,
    /// Fields with an alias, expanded.
    pub aliases: u64,
    /// Directives, expanded.
    pub directives: u64,
    /// Fields below each other.
    pub depth: u64,
    /// Fields below each other in a question about the schema; the usual one needs 15.
    pub schema_depth: u64,
    /// Static cost of the dearest operation.
    pub cost: u64,
    /// Nodes of a page when the document does not say.
    pub page_default: u64,
    /// The most nodes of a page; more are refused by the field itself.
    pub page_max: u64,
    /// Errors in one answer.
    pub errors: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 64 << 10,
            operations: 10,
            variables: 200,
            fields: 1_000,
            selections: 3_000,
            arguments: 2_000,
            variable_bytes: 1 << 20,
            aliases: 150,
            directives: 100,
            depth: 12,
            schema_depth: 20,
            cost: 10_000,
            page_default: 20,
            page_max: 100,
            errors: 10,
        }
    }
}

/// Why a document is not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It weighs more than a limit allows.
    TooMuch {
        /// What there is too much of.
        what: &'static str,
        /// How much is allowed.
        limit: u64,
    },
    /// A fragment contains itself, so its expansion has no end.
    Cycle(String),
}

impl Refusal {
    /// The refusal as a full sentence.
    pub fn message(&self) -> String {
        match self {
            Self::TooMuch { what, limit } => format!("The document has more {what} than the {limit} allowed."),
            Self::Cycle(name) => format!("The fragment \"{name}\" contains itself."),
        }
    }
}

/// What a document, or a part of one, weighs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weight {
    /// Fields.
    pub fields: u64,
    /// Fields, spreads and inline fragments.
    pub selections: u64,
    /// Arguments.
    pub arguments: u64,
    /// Bytes of variables, each use of one for itself.
    pub variable_bytes: u64,
    /// Fields with an alias.
    pub aliases: u64,
    /// Directives.
    pub directives: u64,
    /// Fields below each other.
    pub depth: u64,
    /// Fields below each other in a question about the schema.
    pub schema_depth: u64,
    /// Static cost.
    pub cost: u64,
}

impl Weight {
    /// Adds `other` beside what is there. Saturates, so that no expansion is too large to be refused.
    fn add(&mut self, other: Self) {
        self.fields = self.fields.saturating_add(other.fields);
        self.selections = self.selections.saturating_add(other.selections);
        self.arguments = self.arguments.saturating_add(other.arguments);
        self.variable_bytes = self.variable_bytes.saturating_add(other.variable_bytes);
        self.aliases = self.aliases.saturating_add(other.aliases);
        self.directives = self.directives.saturating_add(other.directives);
        self.depth = self.depth.max(other.depth);
        self.schema_depth = self.schema_depth.max(other.schema_depth);
        self.cost = self.cost.saturating_add(other.cost);
    }

    fn held_against(&self, limits: &Limits) -> Result<(), Refusal> {
        for (what, weight, limit) in [
            ("fields (fragments expanded)", self.fields, limits.fields),
            ("selections (fragments expanded)", self.selections, limits.selections),
            ("arguments (fragments expanded)", self.arguments, limits.arguments),
            ("bytes of variables (every use counted)", self.variable_bytes, limits.variable_bytes),
            ("aliases (fragments expanded)", self.aliases, limits.aliases),
            ("directives (fragments expanded)", self.directives, limits.directives),
            ("levels of fields", self.depth, limits.depth),
            ("levels of fields", self.schema_depth, limits.schema_depth),
            ("cost", self.cost, limits.cost),
        ] {
            if weight > limit {
                return Err(Refusal::TooMuch { what, limit });
            }
        }
        Ok(())
    }
}

/// The weight of `document`, when it is within `limits`. Counts and depth are those of all its operations
/// and fragments together; the cost is that of the dearest operation.
///
/// # Errors
/// The first limit that is broken, or a fragment that contains itself.
pub fn weigh(
    document: &ExecutableDocument,
    variables: &Variables,
    types: Option<&Registry>,
    limits: &Limits,
) -> Result<Weight, Refusal> {
    let operations = document.operations.iter().map(|(_, operation)| &operation.node);
    refuse_more(operations.len() as u64, "operations", limits.operations)?;
    let declared = operations.clone().map(|operation| operation.variable_definitions.len() as u64).sum();
    refuse_more(declared, "variables", limits.variables)?;
    let (counts, given) = (counts(operations.clone(), variables), Given::new(operations.clone(), variables));
    let mut scale = Scale { document, types, limits, counts, given, known: HashMap::new() };
    let mut total = Weight::default();
    for operation in operations {
        let mut weight = scale.operation(operation)?;
        weight.cost = weight.cost.max(total.cost);
        total.cost = 0;
        total.add(weight);
    }
    // Fragments that no operation spreads are refused by validation, which has to read them first.
    let mut names: Vec<_> = document.fragments.keys().map(Name::as_str).collect();
    names.sort_unstable();
    for name in names {
        if !scale.known.contains_key(name) {
            let unused = scale.fragment(name, 0)?;
            total.add(Weight { cost: 0, ..unused });
        }
    }
    total.held_against(limits)?;
    Ok(total)
}

fn refuse_more(count: u64, what: &'static str, limit: u64) -> Result<(), Refusal> {
    if count > limit { Err(Refusal::TooMuch { what, limit }) } else { Ok(()) }
}

/// What variables say about numbers of nodes: the value sent, else the largest default of any operation.
fn counts<'a>(
    operations: impl Iterator<Item = &'a OperationDefinition>,
    variables: &Variables,
) -> HashMap<&'a str, Option<u64>> {
    let mut counts = HashMap::new();
    for definition in operations.flat_map(|operation| &operation.variable_definitions) {
        let name = definition.node.name.node.as_str();
        let sent = variables.get(name).or(definition.node.default_value.as_ref().map(|value| &value.node));
        let count = sent.and_then(constant_count).max(counts.get(name).copied().flatten());
        counts.insert(name, count);
    }
    counts
}

/// The number, or the length of the list; a negative number counts as none.
fn constant_count(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64().or(Some(0)),
        Value::List(items) => Some(items.len() as u64),
        _ => None,
    }
}

struct Scale<'a> {
    document: &'a ExecutableDocument,
    types: Option<&'a Registry>,
    limits: &'a Limits,
    counts: HashMap<&'a str, Option<u64>>,
    given: Given<'a>,
    /// The weights of fragments; `None` while one is being weighed.
    known: HashMap<&'a str, Option<Weight>>,
}

impl<'a> Scale<'a> {
    fn operation(&mut self, operation: &'a OperationDefinition) -> Result<Weight, Refusal> {
        let root = self.types.and_then(|types| match operation.ty {
            OperationType::Query => Some(types.query_type.as_str()),
            OperationType::Mutation => types.mutation_type.as_deref(),
            OperationType::Subscription => types.subscription_type.as_deref(),
        });
        let root = root.or((operation.ty == OperationType::Mutation).then_some(MUTATION));
        let mut weight = self.set(&operation.selection_set.node, root, 0)?;
        let on_variables = operation.variable_definitions.iter().map(|variable| variable.node.directives.len());
        weight.directives += (operation.directives.len() + on_variables.sum::<usize>()) as u64;
        weight.add(self.carried(&operation.directives));
        Ok(weight)
    }

    fn set(&mut self, set: &'a SelectionSet, parent: Option<&'a str>, level: u32) -> Result<Weight, Refusal> {
        if level > WALK_MAX {
            return Err(Refusal::TooMuch { what: "levels of fields", limit: self.limits.depth });
        }
        let mut weight = Weight::default();
        for item in &set.items {
            weight.selections += 1;
            weight.directives += item.node.directives().len() as u64;
            weight.add(self.carried(item.node.directives()));
            weight.add(match &item.node {
                Selection::Field(field) => self.field(&field.node, parent, level)?,
                Selection::FragmentSpread(spread) => self.fragment(&spread.node.fragment_name.node, level)?,
                Selection::InlineFragment(inline) => {
                    let condition =
                        inline.node.type_condition.as_ref().map(|condition| condition.node.on.node.as_str());
                    self.set(&inline.node.selection_set.node, condition.or(parent), level + 1)?
                }
            });
        }
        Ok(weight)
    }

    fn field(&mut self, field: &'a Field, parent: Option<&'a str>, level: u32) -> Result<Weight, Refusal> {
        let name = field.name.node.as_str();
        let mut weight = Weight {
            fields: 1,
            arguments: field.arguments.len() as u64,
            variable_bytes: self.given.carried(&field.arguments),
            cost: self.surcharge(field, parent),
            aliases: u64::from(field.alias.is_some()),
            depth: 1,
            ..Weight::default()
        };
        if field.selection_set.node.items.is_empty() {
            return Ok(weight);
        }
        let ty = self.type_of(parent, name);
        let mut below = self.set(&field.selection_set.node, ty, level + 1)?;
        below.cost = below.cost.saturating_mul(self.nodes(field, ty));
        (below.depth, below.schema_depth) =
            (below.depth + 1, if below.schema_depth > 0 { below.schema_depth + 1 } else { 0 });
        if name == "__schema" || name == "__type" {
            (below.depth, below.schema_depth) = (1, below.depth.max(below.schema_depth));
        }
        let is_root = parent.is_some() && parent == self.types.map(|types| types.query_type.as_str());
        let is_free = matches!(name, "edges" | "pageInfo") || (is_root && name == FREE_ROOT);
        weight.cost += u64::from(!is_free);
        weight.add(below);
        Ok(weight)
    }

    fn fragment(&mut self, name: &'a str, level: u32) -> Result<Weight, Refusal> {
        match self.known.get(name) {
            Some(Some(weight)) => return Ok(*weight),
            Some(None) => return Err(Refusal::Cycle(name.to_owned())),
            None => {}
        }
        // Validation names a fragment that is not there.
        let Some(fragment) = self.document.fragments.get(name) else { return Ok(Weight::default()) };
        self.known.insert(name, None);
        let condition = fragment.node.type_condition.node.on.node.as_str();
        let mut weight = self.set(&fragment.node.selection_set.node, Some(condition), level + 1)?;
        weight.directives += fragment.node.directives.len() as u64;
        weight.add(self.carried(&fragment.node.directives));
        self.known.insert(name, Some(weight));
        Ok(weight)
    }

    fn carried(&self, directives: &[Positioned<Directive>]) -> Weight {
        let bytes = directives.iter().map(|directive| self.given.carried(&directive.node.arguments));
        Weight { variable_bytes: bytes.fold(0, u64::saturating_add), ..Weight::default() }
    }

    /// What `field` of `parent` costs for the work that does not show.
    fn surcharge(&self, field: &Field, parent: Option<&str>) -> u64 {
        let name = field.name.node.as_str();
        let mut dear = DEAR.iter().filter(|dear| Some(dear.ty) == parent && dear.field == name);
        let is_dear =
            dear.any(|dear| dear.when.is_none_or(|(argument, member)| self.given.says(field, argument, member)));
        if is_dear { SEARCH_COST } else { u64::from(parent == Some(MUTATION)) * MUTATION_COST }
    }

    /// The name of the type that `field` of `parent` gives, without its list and non-null marks.
    fn type_of(&self, parent: Option<&str>, field: &str) -> Option<&'a str> {
        let field = self.types?.types.get(parent?)?.field_by_name(field)?;
        Some(MetaTypeName::concrete_typename(&field.ty))
    }

    /// How many nodes `field`, which gives `ty`, may have below it.
    fn nodes(&self, field: &Field, ty: Option<&str>) -> u64 {
        let is_connection = ty.is_some_and(|ty| ty.ends_with("Connection"));
        let of_variable = |name: &str| self.counts.get(name).copied().flatten().map_or(Value::Null, Value::from);
        let asked = ["first", "last", "ids"].into_iter().find_map(|name| {
            let value = field.get_argument(name)?.node.clone();
            constant_count(&value.into_const_with(|name| Ok::<_, ()>(of_variable(&name))).ok()?)
        });
        let unsaid = if is_connection { self.limits.page_default } else { 1 };
        asked.unwrap_or(unsaid).clamp(1, self.limits.page_max)
    }
}
