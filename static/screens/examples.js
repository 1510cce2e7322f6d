// Workflows to begin with. All but the last run on the server alone.
export const EXAMPLES = [
  { title: 'Three functions in a row', text: `name: Dice
tasks:
  - name: Numbers
    function: random_data
    args: {data_type: numbers, count: 100, min: 1, max: 6}
  - name: Statistics
    function: analyze_numbers
    args: ["{{Numbers.result}}"]
  - name: Histogram
    function: histogram
    args: ["{{Numbers.result}}", 6]
` },
  { title: 'A fan-out that is gathered', text: `name: Text report
error_strategy: continue
tasks:
  - name: Source
    function: csv_parse
    args: ["city,population\\nBerlin,3755251\\nHamburg,1892122\\nMunich,1512491\\n"]
  - name: Population
    function: csv_stats
    args: ["{{Source.result.records}}", population]
  - name: By city
    function: group_by
    args: ["{{Source.result.records}}", city]
  - name: Large ones
    function: csv_filter
    args: ["{{Source.result.records}}", {population: ">=1800000"}]
  - name: Report
    function: collect_results
    args: [{stats: "{{Population.result}}", groups: "{{By city.result}}", large: "{{Large ones.result}}"}]
` },
  { title: 'Retries and limits', text: `name: Careful
error_strategy: continue
max_parallel_tasks: 2
timeout_seconds: 3600
tasks:
  - name: Wait a little
    function: async_timer
    args: [2, ready]
    priority: high
    timeout_seconds: 30
    retry: {max_attempts: 5, strategy: exponential, base_delay: 1, max_delay: 30}
  - name: Tidy up
    function: hash_text
    args: ["{{Wait a little.result.message}}"]
    depends_on_success: false
` },
  { title: 'A service of your own', text: `name: Training
tasks:
  - name: Prepare
    function: random_data
    args: [numbers, 50]
  - name: Train Model
    external: ml
    service: ML Service
    operation: train
    model_params: {kind: forest}
    data_params: {rows: "{{Prepare.result}}"}
  - name: Store
    external: database
    service: Database Service
    operation: insert
    query_params: {table: models, value: "{{Train Model.result}}"}
` },
];
