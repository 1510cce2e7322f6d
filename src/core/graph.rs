//! The shape of a workflow: who waits for whom. Nothing here recurses, so a chain of any depth is safe.

use petgraph::algo::{kosaraju_scc, toposort};
use petgraph::graph::{DiGraph, NodeIndex};

/// For every task the tasks that wait for it, in compressed rows: the dependents of task `i` are
/// `targets[offsets[i]..offsets[i + 1]]`. Two flat vectors hold a 100,000-task workflow in under a megabyte.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Graph {
    offsets: Vec<u32>,
    targets: Vec<u32>,
}

impl Graph {
    /// Turns lists of dependencies, one for each task in order, into lists of dependents, each ascending.
    ///
    /// # Panics
    /// When a list names a task outside the workflow.
    pub fn build<'a>(dependencies: impl ExactSizeIterator<Item = &'a [u32]> + Clone) -> Self {
        let mut offsets = vec![0_u32; dependencies.len() + 1];
        for dependency in dependencies.clone().flatten() {
            let after = offsets.get_mut(*dependency as usize + 1).expect("a dependency is a task");
            *after += 1;
        }
        let mut total = 0;
        for offset in &mut offsets {
            total += *offset;
            *offset = total;
        }
        let mut targets = vec![0_u32; total as usize];
        let mut next = offsets.clone();
        for (task, list) in (0_u32..).zip(dependencies) {
            for dependency in list {
                let place = next.get_mut(*dependency as usize).expect("a dependency is a task");
                *targets.get_mut(*place as usize).expect("the rows add up to the targets") = task;
                *place += 1;
            }
        }
        Self { offsets, targets }
    }

    /// Number of tasks.
    pub fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The tasks that wait for task `index`, ascending.
    ///
    /// # Panics
    /// When `index` is not a task of this workflow.
    pub fn dependents(&self, index: u32) -> &[u32] {
        let row = index as usize;
        let bounds = self.offsets.get(row).zip(self.offsets.get(row + 1));
        let (from, to) = bounds.expect("a task index lies inside its workflow");
        self.targets.get(*from as usize..*to as usize).expect("rows lie inside the targets")
    }

    /// One circle of tasks in which each waits for the one before it and the first waits for the last. It starts
    /// with its lowest index, and the same graph always yields the same circle.
    pub fn find_cycle(&self) -> Option<Vec<u32>> {
        if self.targets.is_empty() {
            return None;
        }
        let graph = self.to_petgraph();
        let entangled = toposort(&graph, None).err()?.node_id();
        // Kosaraju's algorithm keeps its own stack, unlike Tarjan's, which petgraph runs by recursion.
        let component = kosaraju_scc(&graph)
            .into_iter()
            .find(|component| component.contains(&entangled))
            .expect("every node is in a component");
        let mut members = vec![false; self.len()];
        for node in component {
            *members.get_mut(node.index()).expect("nodes are tasks") = true;
        }
        Some(self.walk_in_circle(index_of(entangled), &members))
    }

    /// The longest way to each task from the start, in steps: the column in which a drawing puts it.
    ///
    /// Tasks on a circle keep the layer at which the circle was entered.
    pub fn layers(&self) -> Vec<u32> {
        let mut waiting = vec![0_u32; self.len()];
        for target in &self.targets {
            *waiting.get_mut(*target as usize).expect("targets are tasks") += 1;
        }
        let mut layers = vec![0_u32; self.len()];
        let mut ready: Vec<u32> = (0_u32..).zip(&waiting).filter(|(_, n)| **n == 0).map(|(i, _)| i).collect();
        while let Some(task) = ready.pop() {
            let next = layers.get(task as usize).expect("layers are per task") + 1;
            for dependent in self.dependents(task) {
                let layer = layers.get_mut(*dependent as usize).expect("layers are per task");
                *layer = next.max(*layer);
                let open = waiting.get_mut(*dependent as usize).expect("counters are per task");
                *open -= 1;
                if *open == 0 {
                    ready.push(*dependent);
                }
            }
        }
        layers
    }

    fn to_petgraph(&self) -> DiGraph<(), ()> {
        let mut graph = DiGraph::with_capacity(self.len(), self.targets.len());
        for _ in 0..self.len() {
            graph.add_node(());
        }
        for task in (0_u32..).take(self.len()) {
            for dependent in self.dependents(task) {
                graph.add_edge(NodeIndex::from(task), NodeIndex::from(*dependent), ());
            }
        }
        graph
    }

    /// Follows dependents inside one strongly connected component until a task comes up again. Each member has
    /// a dependent in the component, so the walk ends after at most as many steps as there are members.
    fn walk_in_circle(&self, start: u32, members: &[bool]) -> Vec<u32> {
        let mut place = vec![None; members.len()];
        let mut path = Vec::new();
        let mut task = start;
        loop {
            let seen = place.get_mut(task as usize).expect("places are per task");
            if let Some(first) = *seen {
                return lowest_first(path.split_off(first));
            }
            *seen = Some(path.len());
            path.push(task);
            let inside = |task: &u32| members.get(*task as usize).copied().unwrap_or_default();
            let next = self.dependents(task).iter().find(|dependent| inside(dependent));
            task = *next.expect("each member of a component has a dependent in it");
        }
    }
}

fn index_of(node: NodeIndex) -> u32 {
    u32::try_from(node.index()).expect("petgraph's indexes are u32")
}

fn lowest_first(mut circle: Vec<u32>) -> Vec<u32> {
    let lowest = (0..).zip(&circle).min_by_key(|(_, task)| **task).map_or(0, |(place, _)| place);
    circle.rotate_left(lowest);
    circle
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn graph(dependencies: &[Vec<u32>]) -> Graph {
        Graph::build(dependencies.iter().map(Vec::as_slice))
    }

    #[test]
    fn a_diamond_has_three_layers() {
        let diamond = graph(&[vec![], vec![0], vec![0], vec![1, 2], vec![]]);
        assert_eq!(diamond.dependents(0), [1, 2]);
        assert_eq!(diamond.dependents(3), [0_u32; 0]);
        assert_eq!(diamond.layers(), [0, 1, 1, 2, 0]);
        assert_eq!(diamond.find_cycle(), None);
        assert_eq!((diamond.len(), graph(&[]).len()), (5, 0));
        assert_eq!((graph(&[]).find_cycle(), graph(&[]).layers()), (None, vec![]));
    }

    #[test]
    fn one_concrete_circle_is_named() {
        assert_eq!(graph(&[vec![0]]).find_cycle(), Some(vec![0]));
        // 3 hangs on the circle and 4 leads into it; neither is part of it.
        let tangled = graph(&[vec![2, 4], vec![0], vec![1], vec![2], vec![]]);
        assert_eq!(tangled.find_cycle(), Some(vec![0, 1, 2]));
    }

    #[test]
    fn deep_chains_need_no_stack() {
        const DEPTH: u32 = 100_000;
        let run = || {
            let mut chain: Vec<Vec<u32>> =
                (0..DEPTH).map(|i| i.checked_sub(1).into_iter().collect()).collect();
            let straight = graph(&chain);
            assert_eq!(straight.find_cycle(), None);
            assert_eq!(straight.layers().last(), Some(&(DEPTH - 1)));
            chain[0].push(DEPTH - 1);
            assert_eq!(graph(&chain).find_cycle().map(|circle| circle.len()), Some(DEPTH as usize));
        };
        // A recursive walk of this depth needs several megabytes.
        let thread = std::thread::Builder::new().stack_size(128 << 10).spawn(run).unwrap();
        thread.join().unwrap();
    }

    proptest! {
        #[test]
        fn a_circle_is_found_exactly_when_there_is_one(
            edges in proptest::collection::vec((0_u32..12, 0_u32..12), 0..24)
        ) {
            let mut dependencies = vec![Vec::new(); 12];
            for (from, to) in &edges {
                dependencies[*to as usize].push(*from);
            }
            for list in &mut dependencies {
                list.sort_unstable();
                list.dedup();
            }
            let built = graph(&dependencies);
            // The plainest algorithm there is: take away tasks that wait for nothing that is left.
            let mut left: Vec<u32> = (0..12).collect();
            while let Some(free) =
                left.iter().position(|i| dependencies[*i as usize].iter().all(|d| !left.contains(d)))
            {
                left.remove(free);
            }
            match built.find_cycle() {
                None => {
                    prop_assert!(left.is_empty());
                    let layers = built.layers();
                    for (task, list) in dependencies.iter().enumerate() {
                        let expected = list.iter().map(|d| layers[*d as usize] + 1).max().unwrap_or(0);
                        prop_assert_eq!(layers[task], expected);
                    }
                }
                Some(circle) => {
                    for (task, next) in circle.iter().zip(circle.iter().cycle().skip(1)) {
                        prop_assert!(dependencies[*next as usize].contains(task));
                    }
                }
            }
        }
    }
}
