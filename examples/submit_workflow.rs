//! Submits a workflow of a built-in function and a service, waits for its end, and prints its results.
//!
//! ```sh
//! cargo run --example submit_workflow --no-default-features --features client -- http://127.0.0.1:8000
//! ```

use std::error::Error;
use std::time::Duration;

use gleitzeit::client::workflow::{ErrorStrategy, Workflow};
use gleitzeit::client::{Client, WorkflowStatus};
use serde_json::{Value, json};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:8000".to_owned());
    let client = Client::new(&url)?;

    let mut workflow = Workflow::new("Sum of random numbers").error_strategy(ErrorStrategy::Stop);
    let kwargs = json!({"data_type": "numbers", "count": 100, "min": 1, "max": 6});
    workflow.add_python_task("Numbers", "random_data", Value::Null, kwargs, &[]);
    workflow
        .add_external_task(
            "Sum",
            "data_processing",
            Some("Sums"),
            // A reference is a dependency by itself.
            json!({"numbers": "{{Numbers.result}}"}),
            None,
            &[],
        )
        .timeout(Duration::from_mins(1));

    let submitted = client.submit(&workflow).await?;
    println!("submitted {}", submitted.id);
    let results = client.wait_for(&submitted.id, Duration::from_mins(5)).await?;
    for (name, result) in &results.results {
        println!("{name}: {result}");
    }
    println!("{}", results.status);
    if results.status == WorkflowStatus::Completed { Ok(()) } else { Err("it did not complete".into()) }
}
