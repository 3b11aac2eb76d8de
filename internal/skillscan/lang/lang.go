// Package lang follows values through the text of a program: what is read,
// where it goes, what is run. It runs nothing, refuses no text, knows no types
// beyond names; what it cannot follow has no value.
package lang

import "slices"

// Language of a program. The zero value is none that is followed.
type Language uint8

// Languages.
const (
	None Language = iota
	Python
	JavaScript // with TypeScript
	Ruby
	PHP
	Perl
	Lua
	PowerShell
	Other // braces, calls, quoted texts
)

// From is where a value comes from.
type From uint16

// Sources.
const (
	Network From = 1 << iota
	Variable
	Environment // all of it
	File
	Program // output of one
	Decoded
	Watched // clipboard, keys, screen
	Socket  // a connection itself
	Process // a program that runs
	Asked   // typed by a person
	Fields  // a field of a secret's name
)

// Mark is one thing that a value comes from.
type Mark struct {
	From From
	Text string
	Line int
}

// Do is what a program does.
type Do uint8

// Deeds.
const (
	Runs     Do = iota // a program, Texts: its command lines
	Evals              // text as program
	Sends              // to Texts
	Fetches            // from Texts
	Resolves           // a name
	Reads              // a file
	Writes             // a file, Body: what
	Deletes            // a file or tree
	Connects           // a raw connection
	Binds              // a connection and a program, or a program and a descriptor
	Watches            // clipboard, keys, screen
	Sees               // a variable
	Loads              // a library
)

// Event is one deed.
type Event struct {
	Do    Do
	Line  int
	End   int    // the line on which the call ends
	Name  string // of what is called
	Texts []string
	Body  []string
	Marks []Mark
}

// Hole stands for the parts of a text that are not known.
const Hole = "\x00"

// Value is what is known of a value.
type value struct {
	texts []string // each possible text
	marks []Mark
	elems []value
	keys  []string // of elems, when it is a table
	name  string   // what it is called: a function, a module, the result of one
	fn    *function
	num   bool
	of    *value // whose field or method it is
	src   string // the variable that it was read from
}

const (
	maxTexts = 8
	maxText  = 1 << 12
	maxCode  = 1 << 16 // of what is decoded
	maxMarks = 12
	maxElems = 4096
)

type function struct {
	params []string
	sc     *scope
	ret    value
}

type scope struct {
	vars map[string]value
	up   *scope
}

func (s *scope) get(name string) (value, bool) {
	for n := 0; s != nil && n < 32; s, n = s.up, n+1 {
		if v, ok := s.vars[name]; ok {
			return v, true
		}
	}
	return value{}, false
}

// set joins a value to what the variable may already be.
func (s *scope) set(name string, v value) {
	if old, ok := s.vars[name]; ok {
		v = join(old, v)
	}
	s.vars[name] = v
}

func addMarks(to []Mark, from ...Mark) []Mark {
	for _, m := range from {
		if len(to) < maxMarks && !slices.Contains(to, m) {
			to = append(slices.Clip(to), m)
		}
	}
	return to
}

func addTexts(to, from []string) []string {
	for _, t := range from {
		if len(to) < maxTexts && !slices.Contains(to, t) {
			to = append(slices.Clip(to), t)
		}
	}
	return to
}

// join is one value or the other.
func join(a, b value) value {
	out := value{texts: addTexts(b.texts, a.texts), marks: addMarks(b.marks, a.marks...), elems: b.elems, keys: b.keys, name: b.name, fn: b.fn, num: a.num && b.num, of: b.of}
	if len(out.elems) == 0 {
		out.elems, out.keys = a.elems, a.keys
	}
	if out.name == "" {
		out.name = a.name
	}
	if out.fn == nil {
		out.fn = a.fn
	}
	return out
}

// all are the marks of a value with everything in it.
func (v value) all() []Mark {
	out := v.marks
	for i, e := range v.elems {
		if i >= 64 || len(out) >= maxMarks {
			break
		}
		out = addMarks(out, e.all()...)
	}
	return out
}

func text(ts ...string) value { return value{texts: ts} }

// Options of a reading.
type Options struct {
	// Load gives the text of a data file that the program loads, nil when there
	// is nothing to ask.
	Load func(path string) (string, bool)
}

// passes over a program: what is defined later, and what calls hand to their
// callbacks, is known in the last.
const passes = 3

// Read follows a program. Whole is false when it is longer than what is
// followed.
func Read(src string, l Language, o Options) (events []Event, whole bool) {
	if l == None {
		return nil, true
	}
	p := &parser{lang: l, toks: lex(src, l, 1, 0), load: o.Load, scopes: map[int]*scope{}, known: map[string]*function{}, fetched: map[string]Mark{}, copies: map[string][]string{}}
	for pass := range passes {
		p.i, p.events, p.sc, p.steps = 0, nil, p.scopeAt(-1, nil), 0
		p.second = pass == passes-1
		for p.i < len(p.toks) {
			p.statement()
		}
	}
	return p.events, len(p.toks) < maxTokens && p.steps <= maxSteps && len(p.events) < maxEvents
}
