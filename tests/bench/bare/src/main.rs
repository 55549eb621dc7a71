//! The lower bound for a function: receives its event and makes its calls, recorded in a file, with
//! a plain HTTP client. It neither signs the calls nor reads what is answered.

use std::{
    collections::BTreeMap,
    env, fs,
    sync::atomic::{AtomicBool, Ordering},
};

use http_body_util::{BodyExt, Full};
use hyper::{Request, body::Bytes};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::Deserialize;
use serde_json::{Value, json};

/// The calls of the first invocation, and those of each later one.
#[derive(Deserialize)]
struct RecordedCalls {
    first: Vec<RecordedCall>,
    later: Vec<RecordedCall>,
}

#[derive(Deserialize)]
struct RecordedCall {
    /// Service, as in the name of the variable that has its endpoint: `DYNAMODB`.
    service: String,
    method: String,
    path: String,
    headers: BTreeMap<String, String>,
    body: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let recorded: RecordedCalls = serde_json::from_slice(&fs::read(env::var("BENCH_CALLS")?)?)?;
    let connector = HttpsConnectorBuilder::new().with_native_roots()?.https_or_http().enable_http1().build();
    let client: Client<HttpsConnector<HttpConnector>, Full<Bytes>> =
        Client::builder(TokioExecutor::new()).build(connector);
    let (recorded, client, invoked) = (&recorded, &client, &AtomicBool::new(false));
    let invoke = move |_: LambdaEvent<Value>| async move {
        let calls = if invoked.swap(true, Ordering::Relaxed) { &recorded.later } else { &recorded.first };
        for call in calls {
            let endpoint = env::var(format!("AWS_ENDPOINT_URL_{}", call.service))?;
            let mut request = Request::builder().method(call.method.as_str()).uri(format!("{endpoint}{}", call.path));
            for (name, value) in &call.headers {
                request = request.header(name, value);
            }
            let response = client.request(request.body(Full::from(call.body.clone()))?).await?;
            response.into_body().collect().await?;
        }
        Ok::<_, Error>(json!({ "batchItemFailures": [] }))
    };
    lambda_runtime::run(service_fn(invoke)).await
}
