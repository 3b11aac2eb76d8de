package cmdline

import (
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// assign notes an assignment; loops and defaults only when they matter.
func (a *analyser) assign(x Assignment) {
	if !slices.Contains(a.facts.Assigns, x) {
		a.facts.Assigns = append(a.facts.Assigns, x)
	}
}

// setVar gives a variable one more value; earlier ones stay possible.
func (a *analyser) setVar(name string, v value) {
	if old, ok := a.st.vars[name]; ok {
		for _, s := range old.alts {
			if len(v.alts) < 8 && !slices.Contains(v.alts, s) {
				v.alts = append(v.alts, s)
			}
		}
		if old.from > v.from {
			v.from, v.src = old.from, old.src
		}
	}
	a.st.put(name, v)
}

func (a *analyser) assignment(x *syntax.Assign) {
	if x.Name == nil {
		return
	}
	name := x.Name.Value
	if !assignment(name + "=") {
		a.problem(ProblemSyntax, "a variable that the shell takes for a command: "+Visible(name))
	}
	v := value{from: OriginConstant}
	if x.Index != nil {
		a.nested(x.Index)
	}
	if x.Array != nil {
		v.isArr = true
		for _, e := range x.Array.Elems {
			if e.Index != nil {
				a.nested(e.Index)
			}
			if e.Value == nil {
				continue
			}
			for _, w := range a.word(e.Value) {
				v.array, v.from = append(v.array, w.Text), max(v.from, w.From)
			}
		}
		a.assign(Assignment{Name: name})
		a.st.put(name, v)
		return
	}
	w := a.unsplit(x.Value, tildeValue)
	v.alts = w.Values()
	v.from, v.src = max(v.from, w.From), w.src
	if w.Hole >= 0 && w.Text == "" {
		v.alts = nil
	}
	if x.Append {
		for i := range v.alts {
			if old := a.st.vars[name]; len(old.alts) > 0 {
				v.alts[i] = old.alts[0] + v.alts[i]
			}
		}
	}
	a.assign(Assignment{Name: name, Value: Visible(w.Text)})
	a.setVar(name, v)
}

func (a *analyser) declare(x *syntax.DeclClause, c ctx) Source {
	argv := []Word{{Text: x.Variant.Value, Known: true, Hole: -1}}
	for _, as := range x.Args {
		if as.Name == nil {
			argv = append(argv, a.word(as.Value)...)
			continue
		}
		if !as.Naked {
			a.assignment(as)
		} else if as.Index != nil {
			a.nested(as.Index)
		}
		argv = append(argv, Word{Text: as.Name.Value, Known: true, Hole: -1})
	}
	for _, w := range argv[1:] {
		a.assigned(w)
	}
	a.record(Command{Program: x.Variant.Value, Argv: argv, Role: c.role, Via: c.via})
	return Source{Origin: OriginOutput}
}

// printTo is printf -v NAME with the format and its words.
func (a *analyser) printTo(name string, words []Word) {
	src := printed(words)
	v := value{from: max(OriginConstant, src.Origin), src: src}
	if src.Origin == OriginConstant {
		v.alts = []string{src.text}
	}
	a.assign(Assignment{Name: name})
	a.setVar(name, v)
}

// readFrom gives the variables of read the fields of constant text: the last
// one gets the rest.
func (a *analyser) readFrom(args []Word, text string) {
	text, _, _ = strings.Cut(text, "\n")
	var names []string
	for _, w := range args {
		if !strings.HasPrefix(w.Text, "-") {
			names = append(names, w.Text)
		}
	}
	for i, name := range names {
		text = strings.Trim(text, " \t")
		field := text
		if k := strings.IndexAny(text, " \t"); k >= 0 && i+1 < len(names) {
			field, text = text[:k], text[k:]
		} else {
			text = ""
		}
		a.st.put(name, value{alts: []string{field}, from: OriginConstant})
	}
}

// assigned notes the assignments that a word becomes after expansion.
func (a *analyser) assigned(w Word) {
	for _, s := range w.Values() {
		if name, v, ok := strings.Cut(s, "="); ok {
			name = strings.TrimSuffix(name, "+")
			a.assign(Assignment{Name: name, Value: Visible(v)})
			a.setVar(name, value{alts: []string{v}, from: max(OriginConstant, w.From), src: w.src})
		}
	}
}
