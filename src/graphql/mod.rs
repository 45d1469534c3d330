//! How things are asked: schema, types, queries, mutations, subscriptions, loaders.
//!
//! A resolver parses its input, calls one function of `app`, and wraps what comes back; it decides
//! nothing. Its doc comment is the public schema text. Every request carries its caller and its own
//! loaders, so that nothing is read outside the caller's scope and nothing is read row by row.
//!
//! To add a noun: a module in `types`, one each in `query` and `mutation` whose root object joins
//! [`Query`] or [`Mutation`], and its lines in `types::node`. Then `cargo run -- schema > schema.graphql`.

use std::time::Duration;

use async_graphql::{Request, SDLExportOptions, Schema as AnySchema, SchemaBuilder, dataloader::DataLoader, runtime};

use crate::{app::App, auth::Actor};

pub mod connection;
pub mod context;
pub mod duration;
pub mod error;
pub mod extensions;
pub mod guard;
pub mod id;
pub mod loaders;
pub mod mutation;
pub mod payload;
pub mod query;
pub mod scalars;
pub mod subscription;
pub mod types;

pub use mutation::Mutation;
pub use query::Query;
pub use subscription::Subscription;

/// The schema that everything is asked through.
pub type Schema = AnySchema<Query, Mutation, Subscription>;

/// The schema before limits and the application are added.
pub fn builder() -> SchemaBuilder<Query, Mutation, Subscription> {
    AnySchema::build(Query::default(), Mutation::default(), Subscription::default())
        .register_output_type::<types::node::NodeInterfaces>()
}

/// The schema as text, sorted, with every description: what `schema.graphql` holds.
pub fn sdl() -> String {
    let options = SDLExportOptions::new().sorted_fields().sorted_arguments().sorted_enum_items();
    without_specified(&builder().finish().sdl_with_options(options))
}

/// The directives that the specification defines: every tool knows them, and some refuse to be told again.
const SPECIFIED: [&str; 5] = ["deprecated", "include", "oneOf", "skip", "specifiedBy"];

fn without_specified(sdl: &str) -> String {
    const QUOTES: &str = "\"\"\"";
    let mut lines: Vec<&str> = Vec::new();
    for line in sdl.lines() {
        let directive = line.strip_prefix("directive @").and_then(|rest| rest.split(['(', ' ']).next());
        if !directive.is_some_and(|name| SPECIFIED.contains(&name)) {
            lines.push(line);
        } else if lines.pop_if(|line| *line == QUOTES).is_some() {
            // Its description stands before it, between two lines of quotes.
            while lines.pop().is_some_and(|line| line != QUOTES) {}
        }
    }
    lines.join("\n") + "\n"
}

/// How long a loader waits for others to ask the same.
///
/// # Source
/// The library's own choice: siblings ask within microseconds, and nobody notices a millisecond.
const GATHER: Duration = Duration::from_millis(1);

/// `request` as `actor` asks it of `app`, with loaders of its own.
pub fn request(request: Request, app: &App, actor: Actor) -> Request {
    request_gathering(request, app, actor, GATHER)
}

/// The same with loaders that wait for `gather`, where it matters more that nothing is asked twice than how long it
/// takes: on a busy machine a short wait may cut what belongs together.
pub fn request_gathering(request: Request, app: &App, actor: Actor, gather: Duration) -> Request {
    let batch = loaders::Batch::new(app.clone(), actor.clone());
    let loader = DataLoader::new(batch, runtime::TokioSpawner::current(), runtime::TokioTimer::default()).delay(gather);
    request.data(app.clone()).data(actor).data(loader)
}
