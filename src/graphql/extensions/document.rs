//! Refusing a document before anything walks it, and marking how far a request got.

use std::{
    any::TypeId,
    collections::HashSet,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use async_graphql::{
    Name, Pos, Positioned, Request, Response, ServerError, ServerResult, ValidationResult, Value, Variables,
    async_trait::async_trait,
    extensions::{Extension, ExtensionContext, ExtensionFactory, NextExecute, NextPrepareRequest, NextValidation},
    parser::types::{ExecutableDocument, OperationDefinition, OperationType, Selection, SelectionSet},
    registry::Registry,
};

use super::{
    finish::{WRONG_VALUE, refusal},
    meter::Meter,
    number,
    progress::{Phase, Progress},
};
use crate::graphql::{
    error::ErrorCode,
    guard::{Limits, Refusal, weigh},
};

/// What a document takes that is refused before it is weighed: reading it was work, and who sends nothing else shall
/// come to an end.
const REFUSED_COST: u64 = 1;

/// Weighs every document before the library's own checks, which expand its fragments, can see it.
#[derive(Clone, Copy, Debug)]
pub struct DocumentGuard {
    limits: Limits,
}

impl DocumentGuard {
    /// A guard that holds documents against `limits`.
    pub fn new(limits: Limits) -> Self {
        Self { limits }
    }
}

impl ExtensionFactory for DocumentGuard {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Watch {
            limits: self.limits,
            progress: OnceLock::new(),
            from_variables: OnceLock::new(),
            bill: OnceLock::new(),
            has_run: AtomicBool::new(false),
        })
    }
}

/// The guard of one request.
struct Watch {
    limits: Limits,
    progress: OnceLock<Progress>,
    /// Where the document's arguments stand whose values come from variables.
    from_variables: OnceLock<HashSet<Pos>>,
    /// What one execution costs and who draws it, when the caller is limited.
    bill: OnceLock<(Meter, u64)>,
    has_run: AtomicBool,
}

impl Watch {
    fn reach(&self, phase: Phase) {
        if let Some(progress) = self.progress.get() {
            progress.reach(phase);
        }
    }

    /// `request` with its document parsed and found light enough, and what that costs.
    fn weighed(&self, mut request: Request, types: &Registry) -> ServerResult<(Request, u64)> {
        if request.query.len() > self.limits.bytes {
            let too_long = Refusal::TooMuch { what: "bytes", limit: self.limits.bytes as u64 };
            return Err(refusal(ErrorCode::QueryTooComplex, too_long.message()));
        }
        refuse_nul(&request)?;
        let variables = request.variables.clone();
        let operation = request.operation_name.clone();
        let document = request.parsed_query()?;
        self.reach(Phase::Parsed);
        let weight = weigh(document, &variables, Some(types), &self.limits).map_err(|refused| {
            let code = match refused {
                Refusal::TooMuch { .. } => ErrorCode::QueryTooComplex,
                Refusal::Cycle(_) => ErrorCode::GraphqlValidationFailed,
            };
            refusal(code, refused.message())
        })?;
        refuse_missing_variables(document, operation.as_deref(), &variables)?;
        refuse_wide_numbers(document, &variables, types)?;
        _ = self.from_variables.set(arguments_from_variables(document));
        Ok((request, weight.cost))
    }

    /// A subscription runs its selection for every event. The first was paid with the document, each other one is here.
    async fn pay_again(&self) -> ServerResult<()> {
        let is_paid = !self.has_run.swap(true, Ordering::Relaxed);
        match self.bill.get() {
            Some((meter, cost)) if !is_paid => meter.charge_again(*cost).await,
            _ => Ok(()),
        }
    }

    /// Whether `error` is about the value of a variable, and not about the document.
    fn is_about_a_variable(&self, error: &ServerError) -> bool {
        let is_there = |pos: &Pos| self.from_variables.get().is_some_and(|places| places.contains(pos));
        error.message.starts_with(WRONG_VALUE) && error.locations.iter().any(is_there)
    }
}

#[async_trait]
impl Extension for Watch {
    async fn prepare_request(
        &self,
        ctx: &ExtensionContext<'_>,
        request: Request,
        next: NextPrepareRequest<'_>,
    ) -> ServerResult<Request> {
        if let Some(progress) = carried::<Progress>(&request) {
            // Set once: an extension is made for one request.
            _ = self.progress.set(progress);
        }
        let meter = carried::<Meter>(&request);
        let request = next.run(ctx, request).await?;
        let weighed = self.weighed(request, &ctx.schema_env.registry);
        let cost = weighed.as_ref().map_or(REFUSED_COST, |(_, cost)| *cost);
        if let Some(progress) = self.progress.get() {
            progress.weighed(cost);
        }
        if let Some(meter) = meter {
            meter.charge(cost).await?;
            // Set once as well.
            _ = self.bill.set((meter, cost));
        }
        weighed.map(|(request, _)| request)
    }

    async fn validation(
        &self,
        ctx: &ExtensionContext<'_>,
        next: NextValidation<'_>,
    ) -> Result<ValidationResult, Vec<ServerError>> {
        let mut result = next.run(ctx).await;
        match &mut result {
            Ok(_) => self.reach(Phase::Validated),
            Err(errors) => {
                errors.truncate(self.limits.errors);
                for error in errors {
                    if self.is_about_a_variable(error) {
                        let extensions = error.extensions.get_or_insert_default();
                        extensions.set("code", ErrorCode::BadUserInput.as_str());
                    }
                }
            }
        }
        result
    }

    async fn execute(&self, ctx: &ExtensionContext<'_>, operation: Option<&str>, next: NextExecute<'_>) -> Response {
        self.reach(Phase::Executed);
        if let Err(limited) = self.pay_again().await {
            return Response::from_errors(vec![limited]);
        }
        next.run(ctx, operation).await
    }
}

/// What the transport put into `request`.
fn carried<T: Clone + 'static>(request: &Request) -> Option<T> {
    request.data.get(&TypeId::of::<T>()).and_then(|data| data.downcast_ref()).cloned()
}

/// The type of the operation that `request` asks to run. `None` when its document cannot be read or names no
/// such operation, which execution will say. The document is parsed once, here or later.
pub fn operation_type(request: &mut Request) -> Option<OperationType> {
    let name = request.operation_name.clone();
    let document = request.parsed_query().ok()?;
    chosen(document, name.as_deref()).map(|operation| operation.node.ty)
}

/// The operation of `document` that is to run: the one `name` names, or the only one.
fn chosen<'a>(document: &'a ExecutableDocument, name: Option<&str>) -> Option<&'a Positioned<OperationDefinition>> {
    let mut operations = document.operations.iter();
    match name {
        Some(name) => operations.find(|(own, _)| own.is_some_and(|own| own == name)).map(|(_, operation)| operation),
        None if operations.len() == 1 => operations.next().map(|(_, operation)| operation),
        None => None,
    }
}

/// No text of ours holds U+0000, and PostgreSQL cannot store it: better said here than met there.
fn refuse_nul(request: &Request) -> ServerResult<()> {
    let in_document = || request.query.contains(['\0']) || request.query.contains("\\u0000");
    let in_variable = |(name, value): (&Name, &Value)| nul_in(value).map(|below| format!("{name}{below}"));
    let Some(field) =
        request.variables.iter().find_map(in_variable).or_else(|| in_document().then(|| "query".to_owned()))
    else {
        return Ok(());
    };
    Err(wrong_input(field, "Text cannot hold the character U+0000.", "Leave the character out."))
}

/// A number that no `Int` holds would only show once resolvers run, and the library names no argument then; it is a
/// fault of the request as a whole.
///
/// # Source
/// GraphQL specification, 3.5.1 (a value that no 32 bits hold is a request error).
fn refuse_wide_numbers(document: &ExecutableDocument, variables: &Variables, types: &Registry) -> ServerResult<()> {
    match number::too_wide(document, variables, types) {
        Some(field) => {
            let remedy = "Send a whole number from -2147483648 to 2147483647.";
            Err(wrong_input(field, "An Int does not hold this number.", remedy))
        }
        None => Ok(()),
    }
}

fn wrong_input(field: String, message: &str, remedy: &str) -> ServerError {
    let mut error = refusal(ErrorCode::BadUserInput, message);
    let extensions = error.extensions.get_or_insert_default();
    extensions.set("field", field);
    extensions.set("remedy", remedy);
    error
}

/// Where in a value a text holds U+0000, as a path that begins with a dot.
fn nul_in(value: &Value) -> Option<String> {
    let below = |(name, value): (String, &Value)| nul_in(value).map(|path| format!(".{name}{path}"));
    match value {
        Value::String(text) => text.contains('\0').then(String::new),
        Value::List(items) => items.iter().enumerate().map(|(at, item)| (at.to_string(), item)).find_map(below),
        Value::Object(members) => members.iter().map(|(name, value)| (name.to_string(), value)).find_map(below),
        Value::Null | Value::Number(_) | Value::Boolean(_) | Value::Binary(_) | Value::Enum(_) => None,
    }
}

/// A variable that must be given and is not would only show once resolvers run; it is a fault of the
/// request as a whole.
///
/// # Source
/// GraphQL specification, 6.1.2 (coercing variable values).
fn refuse_missing_variables(
    document: &ExecutableDocument,
    operation: Option<&str>,
    variables: &Variables,
) -> ServerResult<()> {
    let Some(operation) = chosen(document, operation) else { return Ok(()) };
    for definition in &operation.node.variable_definitions {
        let definition = &definition.node;
        let name = &definition.name.node;
        let is_given = match variables.get(name.as_str()) {
            Some(value) => *value != Value::Null,
            None => definition.default_value.is_some(),
        };
        if !is_given && !definition.var_type.node.nullable {
            let message = format!("The variable ${name} of type {} must be given.", definition.var_type.node);
            let mut error = refusal(ErrorCode::BadUserInput, message);
            error.locations.push(definition.name.pos);
            return Err(error);
        }
    }
    Ok(())
}

fn arguments_from_variables(document: &ExecutableDocument) -> HashSet<Pos> {
    let operations = document.operations.iter().map(|(_, operation)| &operation.node.selection_set.node);
    let fragments = document.fragments.values().map(|fragment| &fragment.node.selection_set.node);
    let mut places = HashSet::new();
    for set in operations.chain(fragments) {
        collect(set, &mut places);
    }
    places
}

/// Walks what is written, not what it expands to; the parser bounds the nesting.
fn collect(set: &SelectionSet, places: &mut HashSet<Pos>) {
    for item in &set.items {
        match &item.node {
            Selection::Field(field) => {
                let arguments = field.node.arguments.iter();
                let varying = arguments.filter(|(_, value)| value.node.clone().into_const().is_none());
                places.extend(varying.map(|(name, _)| name.pos));
                collect(&field.node.selection_set.node, places);
            }
            Selection::InlineFragment(inline) => collect(&inline.node.selection_set.node, places),
            Selection::FragmentSpread(_) => {}
        }
    }
}
