//! `gangway seed`.

use serde_json::Value;

use crate::program::Place;

/// Name, short name and stage of every client in `data`, as the API shows them.
async fn clients(place: &Place, data: &str) -> Vec<String> {
    let server = place.serve(data).await;
    let query = "{ clients(first: 100) { nodes { name slug stage } } }";
    let mut answer = place.ask(&server, data, "SALES", query).await;
    let Value::Array(clients) = answer["clients"]["nodes"].take() else { panic!("{answer}") };
    let mut clients: Vec<_> = clients.iter().map(Value::to_string).collect();
    clients.sort();
    clients
}

#[tokio::test]
async fn the_same_seed_gives_the_same_clients_in_every_folder() {
    let place = Place::new();
    let seed = |count, seed, data| {
        let arguments = ["seed", "--clients", count, "--seed", seed, "--data", data];
        let place = &place;
        async move { place.print(&arguments).await }
    };
    let (one, two, other) = tokio::join!(seed("8", "1", "one"), seed("8", "1", "two"), seed("2", "2", "other"));
    assert!(one.starts_with("8 clients: ") && other.starts_with("2 clients: "), "{one} {other}");
    assert_eq!(one, two);
    let (ones, twos, others) = tokio::join!(clients(&place, "one"), clients(&place, "two"), clients(&place, "other"));
    assert_eq!((ones.len(), others.len()), (8, 2));
    assert_eq!(ones, twos);
    assert!(others.iter().all(|client| !ones.contains(client)), "another seed, other clients: {others:?}");

    let again = place.run(&["seed", "--clients", "1", "--data", "other"]).await;
    assert!(again.code == 1 && again.err.contains("this database has 2 clients; --force adds to them"), "{again:?}");
    seed_more(&place).await;
}

/// What is added goes on where the numbers ended.
async fn seed_more(place: &Place) {
    place.print(&["seed", "--clients", "1", "--seed", "1", "--force", "--data", "other"]).await;
    let more = clients(place, "other").await;
    assert!(more.len() == 3 && more.iter().any(|client| client.contains("-002\"")), "{more:?}");
}
