use std::{fmt::Write as _, time::Instant};

use async_graphql::{
    EmptyMutation, Error, InputObject, Object, OutputType, Request, Response, Schema, SchemaBuilder, Subscription,
    Variables, registry::Registry,
};
use futures_util::{Stream, StreamExt, stream};
use serde_json::{Value, json};

use super::*;
use crate::{error::Error as Fault, graphql::error::ErrorCode};

struct Query;

#[derive(InputObject)]
struct Named {
    #[graphql(validator(min_length = 3))]
    name: String,
}

#[derive(InputObject)]
struct Row {
    count: i32,
}

struct ThingConnection;

#[Object]
impl ThingConnection {
    async fn nodes(&self) -> Vec<Query> {
        vec![]
    }
}

#[Object]
impl Query {
    async fn number(&self, value: i32) -> i32 {
        value
    }
    async fn named(&self, input: Named) -> String {
        input.name
    }
    async fn sum(&self, rows: Vec<Row>) -> i64 {
        rows.iter().map(|row| i64::from(row.count)).sum()
    }
    async fn ours(&self) -> Result<i32, Fault> {
        Err(Fault::not_found("client", "id"))
    }
    async fn leaky(&self) -> Result<i32, Error> {
        Err(Error::new("SELECT secret FROM somewhere"))
    }
    async fn things(&self) -> ThingConnection {
        ThingConnection
    }
}

struct Ticks;

#[Subscription]
impl Ticks {
    async fn ticks(&self, count: i32) -> Result<impl Stream<Item = i32>, Fault> {
        if count < 0 { Err(Fault::violation("count", "Not below zero.")) } else { Ok(stream::iter(0..count)) }
    }
}

fn schema(limits: Limits) -> Schema<Query, EmptyMutation, Ticks> {
    let builder: SchemaBuilder<_, _, _> = Schema::build(Query, EmptyMutation, Ticks);
    guarded(builder, limits).finish()
}

async fn ask_with(limits: Limits, request: Request) -> (Response, Finished) {
    let progress = Progress::default();
    let mut response = schema(limits).execute(request.data(progress.clone())).await;
    let finished = finish(&mut response, &progress, &RequestId::new("r-1"));
    (response, finished)
}

async fn ask(text: &str, variables: Value) -> (Vec<String>, Finished) {
    let request = Request::new(text).variables(Variables::from_json(variables));
    let (response, finished) = ask_with(Limits::default(), request).await;
    let json = serde_json::to_value(&response.errors).unwrap();
    let errors = json.as_array().unwrap();
    assert!(errors.iter().all(|error| error["extensions"]["requestId"] == "r-1"), "{json}");
    assert!(errors.iter().all(|error| error["extensions"]["retryable"].is_boolean()), "{json}");
    let codes = errors.iter().map(|error| error["extensions"]["code"].as_str().unwrap().to_owned());
    (codes.collect(), finished)
}

#[tokio::test]
async fn every_error_leaves_with_the_code_of_its_kind() {
    use ErrorCode::{BadUserInput, GraphqlParseFailed, GraphqlValidationFailed};
    use Finished::{Errors, Ok, Refused};
    let none = || json!({});
    for (text, variables, codes, finished) in [
        ("{number(value:1)}", none(), vec![], Ok),
        ("{", none(), vec!["GRAPHQL_PARSE_FAILED"], Refused(GraphqlParseFailed)),
        ("{absent}", none(), vec!["GRAPHQL_VALIDATION_FAILED"], Refused(GraphqlValidationFailed)),
        ("{number(value:\"x\")}", none(), vec!["GRAPHQL_VALIDATION_FAILED"], Refused(GraphqlValidationFailed)),
        ("query($v:Int!){number(value:$v)}", json!({"v": "x"}), vec!["BAD_USER_INPUT"], Refused(BadUserInput)),
        ("query($v:Int!){number(value:$v)}", none(), vec!["BAD_USER_INPUT"], Refused(BadUserInput)),
        ("query($v:Int!){number(value:$v)}", json!({"v": null}), vec!["BAD_USER_INPUT"], Refused(BadUserInput)),
        ("query($v:Int!=4){number(value:$v)}", none(), vec![], Ok),
        ("{number(value:2147483647)}", none(), vec![], Ok),
        ("{number(value:2147483648)}", none(), vec!["BAD_USER_INPUT"], Refused(BadUserInput)),
        ("query A{ours} query B{ours}", none(), vec!["BAD_USER_INPUT"], Refused(BadUserInput)),
        ("{named(input:{name:\"ab\"})}", none(), vec!["BAD_USER_INPUT"], Errors),
        ("{ours}", none(), vec!["NOT_FOUND"], Errors),
        ("{leaky}", none(), vec!["INTERNAL"], Errors),
        (
            "{...A} fragment A on Query{...A}",
            none(),
            vec!["GRAPHQL_VALIDATION_FAILED"],
            Refused(GraphqlValidationFailed),
        ),
    ] {
        let (found, ended) = ask(text, variables).await;
        assert_eq!((found, ended), (codes.into_iter().map(str::to_owned).collect(), finished), "{text}");
    }
}

#[tokio::test]
async fn a_number_that_no_int_holds_names_its_argument_wherever_it_stands() {
    let wide = json!(3_000_000_000_i64);
    for (text, variables, field) in [
        ("{number(value:-2147483649)}", json!({}), "value"),
        ("query($v:Int!){number(value:$v)}", json!({ "v": wide }), "value"),
        ("query($v:Int!=2147483648){number(value:$v)}", json!({}), "value"),
        ("{...F} fragment F on Query{... on Query{number(value:2147483648)}}", json!({}), "value"),
        ("{things{nodes{number(value:2147483648)}}}", json!({}), "value"),
        ("{sum(rows:[{count:1},{count:2147483648}])}", json!({}), "rows.1.count"),
        ("query($r:[Row!]!){sum(rows:$r)}", json!({ "r": [{ "count": wide }] }), "rows.0.count"),
        ("query($v:Int!){sum(rows:[{count:$v}])}", json!({ "v": wide }), "rows.0.count"),
    ] {
        let request = Request::new(text).variables(Variables::from_json(variables));
        let (response, finished) = ask_with(Limits::default(), request).await;
        assert_eq!(finished, Finished::Refused(ErrorCode::BadUserInput), "{text}");
        let errors = serde_json::to_value(&response.errors).unwrap();
        assert_eq!(errors[0]["extensions"]["field"], field, "{text}: {errors}");
        assert!(errors[0]["extensions"]["remedy"].is_string(), "{text}: {errors}");
    }
    let (codes, _) = ask("query($r:[Row!]!){sum(rows:$r)}", json!({ "r": [{ "count": 2_147_483_647 }] })).await;
    assert!(codes.is_empty(), "{codes:?}");
}

#[tokio::test]
async fn an_error_nobody_gave_a_code_shows_nothing_of_itself() {
    let (response, _) = ask_with(Limits::default(), Request::new("{leaky}")).await;
    assert_eq!(response.errors[0].message, "Something went wrong on our side.");
}

#[tokio::test]
async fn an_answer_holds_ten_errors_at_most() {
    let text = (0..40).fold("{".to_owned(), |all, n| format!("{all} absent{n}")) + "}";
    let (codes, _) = ask(&text, json!({})).await;
    assert_eq!(codes.len(), 10);
    let text = (0..40).fold("{".to_owned(), |all, n| format!("{all} a{n}:number(value:\"x\")")) + "}";
    assert_eq!(ask(&text, json!({})).await.0.len(), 10);
}

#[tokio::test]
async fn a_document_that_would_expand_without_end_is_refused_before_anything_walks_it() {
    let mut text = "{...F0}".to_owned();
    for level in 0..30 {
        write!(text, " fragment F{level} on Query{{...F{0} ...F{0}}}", level + 1).unwrap();
    }
    text.push_str(" fragment F30 on Query{__typename}");
    let started = Instant::now();
    let (codes, finished) = ask(&text, json!({})).await;
    assert!(started.elapsed().as_millis() < 250, "{:?}", started.elapsed());
    assert_eq!(
        (codes, finished),
        (vec!["QUERY_TOO_COMPLEX".to_owned()], Finished::Refused(ErrorCode::QueryTooComplex))
    );
}

#[tokio::test]
async fn a_variable_used_more_often_than_may_be_copied_is_refused() {
    let text = (0..150).fold("query($v:[Row!]!){".to_owned(), |all, n| format!("{all} a{n}:sum(rows:$v)")) + "}";
    let rows = |count| json!({ "v": vec![json!({ "count": 1 }); count] });
    assert_eq!(ask(&text, rows(10)).await, (vec![], Finished::Ok));
    assert_eq!(ask(&text, rows(2_000)).await.0, ["QUERY_TOO_COMPLEX"]);
}

#[test]
fn a_wide_number_is_looked_for_without_a_copy_of_what_was_sent() {
    let text = "query($v:String!){".to_owned() + &"named(input:{name:$v}) ".repeat(500) + "}";
    let document = async_graphql::parser::parse_query(text).unwrap();
    let variables = Variables::from_json(json!({ "v": "x".repeat(32 << 20) }));
    let mut types = Registry { query_type: "Query".to_owned(), ..Registry::default() };
    <Query as OutputType>::create_type_info(&mut types);
    let started = Instant::now();
    assert_eq!(number::too_wide(&document, &variables, &types), None);
    // Copies would be 16 GiB.
    assert!(started.elapsed().as_millis() < 250, "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_document_longer_than_allowed_is_refused_unread() {
    let text = format!("{{number(value:1)}} #{}", "x".repeat(64 << 10));
    assert_eq!(ask(&text, json!({})).await.0, ["QUERY_TOO_COMPLEX"]);
}

#[tokio::test]
async fn a_connection_without_a_number_costs_the_default_page() {
    let text = "{...F} fragment F on Query{things{nodes{things{nodes{number(value:1)}}}}}";
    let limits = |cost| Limits { cost, ..Limits::default() };
    // things: 1; its 20 nodes: 20; their things: 20; the nodes of those: 400.
    let (_, finished) = ask_with(limits(440), Request::new(text)).await;
    assert_eq!(finished, Finished::Refused(ErrorCode::QueryTooComplex));
    let (response, finished) = ask_with(limits(441), Request::new(text)).await;
    assert_eq!(finished, Finished::Ok, "{:?}", response.errors);
}

#[tokio::test]
async fn the_usual_question_about_the_schema_passes() {
    let of_type = "kind name ofType{".repeat(8) + "kind name" + &"}".repeat(8);
    let text = format!(
        "{{__schema{{queryType{{name}} types{{...Full}} directives{{name args{{...Input}}}}}}}} \
         fragment Full on __Type{{kind name fields(includeDeprecated:true){{name args{{...Input}} type{{...Ref}}}} \
         inputFields{{...Input}} interfaces{{...Ref}} enumValues{{name}} possibleTypes{{...Ref}}}} \
         fragment Input on __InputValue{{name type{{...Ref}} defaultValue}} fragment Ref on __Type{{{of_type}}}"
    );
    let (codes, finished) = ask(&text, json!({})).await;
    assert_eq!((codes, finished), (vec![], Finished::Ok));
}

async fn stream_of(text: &str) -> (Vec<Response>, Progress) {
    let progress = Progress::default();
    let request = Request::new(text).data(progress.clone());
    (schema(Limits::default()).execute_stream(request).collect().await, progress)
}

#[tokio::test]
async fn a_subscription_counts_as_run_from_its_first_event() {
    let (answers, progress) = stream_of("subscription{ticks(count:2)}").await;
    assert_eq!(answers.len(), 2);
    assert!(progress.is_executed());
}

#[tokio::test]
async fn a_subscription_that_cannot_start_is_a_request_error() {
    for (text, code) in [
        ("subscription{ticks(count:-1)}", "BAD_USER_INPUT"),
        ("subscription{ticks(count:\"x\")}", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription{absent}", "GRAPHQL_VALIDATION_FAILED"),
    ] {
        let (mut answers, progress) = stream_of(text).await;
        assert_eq!(answers.len(), 1, "{text}");
        let finished = finish(&mut answers[0], &progress, &RequestId::new("r"));
        assert_eq!(finished, Finished::Refused(ErrorCode::find(code).unwrap()), "{text}");
    }
}

#[test]
fn a_place_in_a_stream_is_taken_once() {
    let resume = Resume::new(Some("c1".to_owned()));
    let shared = resume.clone();
    assert_eq!((shared.after(), resume.take()), (Some("c1"), None));
    shared.reached("c2");
    shared.reached("c3");
    assert_eq!((resume.take(), resume.take()), (Some("c3".to_owned()), None));
}
