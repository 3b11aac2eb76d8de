// Package cmdline turns the text of a shell command into facts: which programs
// would run, seen through wrappers, with which arguments, redirections, files
// plus hosts. It runs nothing, touches no disk, judges nothing, and what it
// cannot resolve it calls unknown or not understood.
package cmdline

import "mvdan.cc/sh/v3/syntax"

// Env is what a command line would see. The functions are the only way to the
// file system; nil means that there is nothing to ask.
type Env struct {
	Home      string
	Cwd       string
	Workspace string
	User      string
	// Readlink gives the target of a symbolic link at an absolute path.
	Readlink func(abs string) (target string, ok bool)
	// List gives the names in a directory, so that a glob is followed into
	// links. ok is false when they cannot be listed.
	List func(dir string) (names []string, ok bool)
}

// Facts of one command line. The zero value is not understood. Facts are
// deterministic: the same text and Env give the same JSON.
type Facts struct {
	// Understood is false when the text is not one that the parser fully
	// understood; such a line must not run unless a person or a cage vouches.
	Understood bool `json:"understood"`
	// Visible is the text with everything that a terminal would not show
	// plainly escaped.
	Visible   string       `json:"visible"`
	Problems  []Problem    `json:"problems,omitempty"`
	Commands  []Command    `json:"commands,omitempty"`
	Redirects []Redirect   `json:"redirects,omitempty"`
	Assigns   []Assignment `json:"assigns,omitempty"`
	Functions []string     `json:"functions,omitempty"`
	Hosts     []string     `json:"hosts,omitempty"`
	Cwd       string       `json:"cwd"`
	Home      string       `json:"home"`
	Workspace string       `json:"workspace"`

	tree *syntax.File
	env  Env
}

// ProblemKind says why a line was not understood.
type ProblemKind string

// Kinds of problems.
const (
	ProblemSyntax    ProblemKind = "syntax"    // the shell would reject it
	ProblemCharacter ProblemKind = "character" // control, invisible or look-alike characters
	ProblemLimit     ProblemKind = "limit"     // larger than what is analysed
)

// Problem is one reason why a line is not understood.
type Problem struct {
	Kind ProblemKind `json:"kind"`
	Text string      `json:"text"`
}

// Word is one word of an argv after expansion and quote removal.
type Word struct {
	// Text is the value when Known; else the likeliest value with unknown
	// parts left out.
	Text string `json:"text"`
	// Known is false for a word that only the shell will know at run time.
	Known bool `json:"known"`
	// Glob words stand for any name that the pattern Text matches; literal
	// pattern characters in it are escaped by a backslash.
	Glob bool `json:"glob,omitempty"`
	// Alts are further values that an unknown word may have.
	Alts []string `json:"alts,omitempty"`
	// Raw is the source text, escaped for display.
	Raw string `json:"raw,omitempty"`
	// From says what an unknown part of the word is taken from.
	From Origin `json:"from,omitempty"`
	// Hole is the offset in Text of the first part without a value, -1 if none.
	Hole int `json:"hole,omitempty"`
	// Stream marks a process substitution: an operand that is a pipe.
	Stream bool `json:"stream,omitempty"`

	src Source // of a stream or of a hole
}

// Values lists what the word may be: its text first.
func (w Word) Values() []string { return append([]string{w.Text}, w.Alts...) }

// Origin of text that is not written in the line, weakest first.
type Origin uint8

// Origins.
const (
	OriginNone     Origin = iota // no input
	OriginConstant               // words in the line itself
	OriginFile                   // a file that was there before
	OriginUnknown                // environment, arithmetic, terminal
	OriginOutput                 // output of another command, a decoder, a file the line writes
	OriginDownload               // comes from the network
)

func (o Origin) String() string {
	return [...]string{"none", "constant", "file", "unknown", "output", "download"}[min(o, OriginDownload)]
}

// MarshalText prints the origin's name.
func (o Origin) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads an origin's name; an unknown one is the worst.
func (o *Origin) UnmarshalText(b []byte) error {
	for k := OriginNone; k <= OriginDownload; k++ {
		if string(b) == k.String() {
			*o = k
			return nil
		}
	}
	*o = OriginDownload
	return nil
}

// Source is where a program's text or input comes from.
type Source struct {
	Origin Origin `json:"origin,omitempty"`
	// Programs that the text passed through, first to last.
	Programs []string `json:"programs,omitempty"`

	text  string // of OriginConstant
	names nameKind
	paths []string // of OriginFile
}

// Role is the place of a command in the line.
type Role string

// Roles.
const (
	RoleList         Role = "list"
	RolePipe         Role = "pipe"
	RoleSubstitution Role = "substitution"
	RoleCarried      Role = "carried"
	RoleFunction     Role = "function"
	RoleScript       Role = "script" // read by a shell from -c, eval, standard input
)

// Command is one simple command at any depth.
type Command struct {
	Argv []Word `json:"argv"`
	// Program is the last path element of the command word, "" when unknown.
	Program string `json:"program"`
	Role    Role   `json:"role"`
	// Via are the wrappers around it, outermost first.
	Via []string `json:"via,omitempty"`
	// Steering: a keyword-like builtin that needs no entry of its own.
	Steering bool      `json:"steering,omitempty"`
	Files    []FileUse `json:"files,omitempty"`
	// Inline are the reasons why a person has to look although the program
	// may be listed: inline code, helper programs, loaders.
	Inline []string `json:"inline,omitempty"`
	// Scripts are the files whose text the program runs; they are in Files too.
	Scripts []FileUse `json:"scripts,omitempty"`
	// Unchecked are operands known only at run time.
	Unchecked []string `json:"unchecked,omitempty"`
	// Input feeds the command by pipe or redirection.
	Input Source `json:"input,omitzero"`
	// Upstream are the commands, by index, whose output reaches this one by
	// pipes.
	Upstream []int `json:"upstream,omitempty"`
	// Text is where the program text of a shell or interpreter comes from,
	// when it is not a file named in the line.
	Text Source `json:"text,omitzero"`
	// RawDisk are raw disks that the command writes.
	RawDisk []string `json:"rawDisk,omitempty"`
	// Redefines says what later words it gives another meaning.
	Redefines string `json:"redefines,omitempty"`
	// DeletesTree: deletes recursively without asking, in whatever spelling.
	DeletesTree bool `json:"deletesTree,omitempty"`
	// WorldMode: gives everyone read, write and execute.
	WorldMode bool `json:"worldMode,omitempty"`
	// Line of the text at which it stands, from 1; of what carries it, when it
	// comes from text inside the text. It is no part of the facts to judge.
	Line int `json:"-"`
}

// Access is how a file is used.
type Access uint8

// Kinds of access.
const (
	Read Access = iota
	Write
)

// FileUse is one file operand.
type FileUse struct {
	Text   string `json:"text"`
	Access Access `json:"access"`
	// Paths are the absolute paths it may stand for: as the kernel resolves
	// it, as plain text, from every directory the command may run in.
	Paths []string `json:"paths"`
	Glob  bool     `json:"glob,omitempty"` // Paths are patterns
}

// Redirect is a redirection of any command.
type Redirect struct {
	Op string `json:"op"`
	FileUse
	Unknown bool `json:"unknown,omitempty"`
	RawDisk bool `json:"rawDisk,omitempty"`
	// Line as in Command.
	Line int `json:"-"`
}

// Assignment gives a variable a value, however it is written.
type Assignment struct {
	Name  string `json:"name"`
	Value string `json:"value,omitempty"`
	// Loop: the variable of a for loop or a default value, not an assignment
	// of its own.
	Loop bool `json:"loop,omitempty"`
}

// Analyze works out what text would do. It never fails: what is not
// understood is said in the facts.
func Analyze(text string, env Env) Facts {
	f := Facts{Visible: Visible(text), Cwd: env.Cwd, Home: env.Home, Workspace: env.Workspace, env: env}
	a := newAnalyser(&f, env)
	a.line(text)
	f.Understood = len(f.Problems) == 0
	return f
}

// Display lists the argv of every command, escaped for display. A word that
// is not known until run time appears as its source text.
func (f *Facts) Display() [][]string {
	out := make([][]string, 0, len(f.Commands))
	for _, c := range f.Commands {
		argv := make([]string, 0, len(c.Argv))
		for _, w := range c.Argv {
			if w.Known && !w.Glob {
				argv = append(argv, Visible(w.Text))
			} else {
				argv = append(argv, w.Raw)
			}
		}
		out = append(out, argv)
	}
	return out
}
