//! Keys, what they mean while a line is typed, and the page that explains them.

/// A key, as far as any is of use here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    Char(char),
    Interrupt,
    Enter,
    Escape,
    Backspace,
    Tab,
    BackTab,
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
    Left,
    Right,
}

/// More would fit on no line.
const TYPED_MAX: usize = 200;

/// Where typing has led.
pub enum Typed {
    On,
    Done,
    Left,
}

/// Applies a key to what is typed.
pub fn edit(typed: &mut String, key: Key) -> Typed {
    match key {
        Key::Enter => Typed::Done,
        Key::Escape | Key::Interrupt => Typed::Left,
        Key::Backspace if typed.pop().is_none() => Typed::Left,
        Key::Char(c) if typed.len() < TYPED_MAX => {
            typed.push(c);
            Typed::On
        }
        Key::Char(_)
        | Key::Backspace
        | Key::Tab
        | Key::BackTab
        | Key::Up
        | Key::Down
        | Key::PageUp
        | Key::PageDown
        | Key::Home
        | Key::End
        | Key::Left
        | Key::Right => Typed::On,
    }
}

/// The keys, for whoever asks.
pub const HELP: &str = "\
1 to 6, Tab   the tabs
j k, arrows   next and previous row; g and G the first and the last
Enter         open: a workflow shows its tasks, anything else itself
Esc           one level up, out of a filter, out of this page
/             show only rows with these words
w             why a task, or the tasks of a workflow, wait
r             retry a workflow or a task
c             cancel a workflow or a task
p             pause a workflow, or have it go on
d             drain a service, or give it work again
Space         freeze the screen, and let it move again
q             leave

:overview :workflows :tasks [ID] :services :events :errors
:status STATUS|all      which workflows are listed
:why ID  :show ID       a task by its id
:retry ID  :cancel ID   a workflow, or a task (ID.PLACE)
:pause ID  :resume ID   a workflow
:drain ID  :work ID     a service
:quit

What changes something asks first.";
