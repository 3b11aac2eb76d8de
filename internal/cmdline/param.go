package cmdline

import (
	"slices"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// environment variables that are set but whose value the line does not tell.
const setElsewhere = " PATH SHELL LANG LC_ALL TERM OLDPWD RANDOM SECONDS UID EUID HOSTNAME PPID LINENO BASHPID BASH BASH_VERSION SHLVL EPOCHSECONDS REPLY TMPDIR XDG_RUNTIME_DIR PS1 PS4 _ "

// param expands a parameter into the values it may have.
func (a *analyser) param(p *syntax.ParamExp, quoted bool) []variant {
	if p.Index != nil {
		a.nested(p.Index)
	}
	unknown := func() []variant {
		return []variant{{{hole: true, quoted: quoted, from: OriginUnknown}}}
	}
	if p.Param == nil || p.NestedParam != nil || p.Excl && (p.Slice != nil || p.Repl != nil || p.Index != nil || p.Exp != nil) || p.Length || p.Width || p.IsSet || p.Names != 0 || p.Slice != nil && a.tail(p) < 0 || p.Repl != nil {
		a.nestedParam(p)
		return unknown()
	}
	name := p.Param.Value
	if p.Excl && p.Exp == nil {
		return a.indirect(name, quoted)
	}
	list := p.Index != nil && isAll(p.Index) || name == "@" || name == "*"
	v, set := a.lookup(name)
	if p.Exp != nil {
		return a.expansion(p, v, set, quoted)
	}
	if set && v.from == OriginNone { // $HOME, $PWD: known
		return []variant{{{text: v.alts[0], quoted: quoted, known: true}}}
	}
	if list && len(v.array) == 0 && v.from > OriginConstant {
		return []variant{{{hole: true, quoted: quoted, from: v.from, src: v.src}}}
	}
	if n := a.tail(p); list && n >= 0 {
		v.array = v.array[min(n, len(v.array)):]
	}
	if list {
		return []variant{{{list: v.array, isList: true, quoted: quoted, from: max(v.from, OriginUnknown), src: v.src}}}
	}
	return a.values(v, set, quoted)
}

// tail is the number of positional parameters that ${@:N} leaves out, -1 when
// the expansion is of another kind.
func (a *analyser) tail(p *syntax.ParamExp) int {
	if p.Slice == nil || p.Slice.Length != nil || p.Param == nil || p.Param.Value != "@" && p.Param.Value != "*" {
		return -1
	}
	w, ok := p.Slice.Offset.(*syntax.Word)
	if !ok {
		return -1
	}
	n, err := strconv.Atoi(w.Lit())
	if err != nil || n < 1 {
		return -1
	}
	return n - 1
}

// indirect is ${!NAME}: the value of the variable that NAME names.
func (a *analyser) indirect(name string, quoted bool) []variant {
	v, _ := a.lookup(name)
	var out []variant
	for _, s := range v.alts {
		if w, set := a.lookup(s); set && len(w.alts) > 0 && len(out) < maxAlts {
			w.from = max(w.from, v.from, OriginConstant)
			out = append(out, a.values(w, true, quoted)...)
		}
	}
	if len(out) == 0 {
		return []variant{{{hole: true, quoted: quoted, from: max(OriginUnknown, v.from), src: v.src}}}
	}
	return out
}

func (a *analyser) values(v value, set, quoted bool) []variant {
	if !set {
		return []variant{{{quoted: quoted, from: OriginConstant}}}
	}
	f := frag{quoted: quoted, from: v.from, src: v.src, glob: !quoted}
	alts := v.alts
	if v.isArr && len(v.array) > 0 {
		alts = v.array[:1]
	}
	if len(alts) == 0 {
		f.hole = true
		return []variant{{f}}
	}
	out := make([]variant, 0, len(alts))
	for _, s := range alts {
		f.text = s
		out = append(out, variant{f})
	}
	return out
}

// expansion handles ${x:-word} and its relatives.
func (a *analyser) expansion(p *syntax.ParamExp, v value, set, quoted bool) []variant {
	word := func() []variant {
		if p.Exp.Word == nil {
			return []variant{{{quoted: quoted, from: OriginConstant}}}
		}
		vs := a.variants(p.Exp.Word.Parts, tildeStart)
		for _, x := range vs {
			for i := range x {
				x[i].known = false
				x[i].from = max(x[i].from, OriginConstant)
				if quoted {
					x[i].quoted = true
				} else if x[i].glob {
					x[i].quoted = false
				}
			}
		}
		return vs
	}
	own := func() []variant {
		if set && v.from == OriginNone {
			return []variant{{{text: v.alts[0], quoted: quoted, from: OriginConstant}}}
		}
		return a.values(v, set, quoted)
	}
	switch p.Exp.Op {
	case syntax.DefaultUnset, syntax.DefaultUnsetOrNull:
		w := word()
		if set {
			return append(own(), w...)
		}
		return w
	case syntax.AssignUnset, syntax.AssignUnsetOrNull:
		w := word()
		if set {
			return append(own(), w...)
		}
		nv := value{from: OriginConstant}
		for _, x := range w {
			f := join(x)
			nv.alts, nv.from, nv.src = append(nv.alts, f.Text), max(nv.from, f.From), f.src
		}
		a.st.put(p.Param.Value, nv)
		a.assign(Assignment{Name: p.Param.Value, Value: nv.alts[0], Loop: true})
		return w
	case syntax.AlternateUnset, syntax.AlternateUnsetOrNull:
		return append([]variant{{{quoted: quoted, from: OriginConstant}}}, word()...)
	case syntax.ErrorUnset, syntax.ErrorUnsetOrNull:
		word()
		return own()
	case syntax.RemSmallPrefix, syntax.RemLargePrefix, syntax.RemSmallSuffix, syntax.RemLargeSuffix, syntax.MatchEmpty, syntax.ArrayExclude,
		syntax.ArrayIntersect, syntax.UpperFirst, syntax.UpperAll, syntax.LowerFirst, syntax.LowerAll, syntax.OtherParamOps:
		word()
	}
	return []variant{{{hole: true, quoted: quoted, from: max(OriginUnknown, v.from), src: v.src}}}
}

// lookup gives what the line tells of a parameter. A value whose origin is
// OriginNone is certain.
func (a *analyser) lookup(name string) (value, bool) {
	if v, ok := a.st.vars[name]; ok {
		return v, true
	}
	constant := func(s string) (value, bool) { return value{alts: []string{s}, from: OriginConstant}, true }
	switch name {
	case "HOME":
		return value{alts: []string{a.env.Home}}, true
	case "PWD":
		if len(a.st.cwds) == 1 {
			return value{alts: []string{a.st.cwds[0]}}, true
		}
		return value{alts: slices.Clone(a.st.cwds), from: OriginConstant}, true
	case "USER", "LOGNAME":
		return constant(a.env.User)
	case "IFS":
		return constant(" ")
	case "@", "*":
		v := value{isArr: true, from: OriginConstant}
		for _, w := range a.st.args {
			v.array = append(v.array, w.Text)
			v.from = max(v.from, w.From)
		}
		return v, true
	case "#", "?", "$", "!", "-", "_":
		return value{from: OriginUnknown}, true
	case "0":
		if a.st.arg0 != nil {
			return value{alts: a.st.arg0.Values(), from: max(OriginConstant, a.st.arg0.From), src: a.st.arg0.src}, true
		}
		return value{from: OriginUnknown}, true
	}
	if n, err := strconv.Atoi(name); err == nil {
		if n >= 1 && n <= len(a.st.args) {
			w := a.st.args[n-1]
			return value{alts: w.Values(), from: max(OriginConstant, w.From), src: w.src}, true
		}
		return value{}, false
	}
	if strings.Contains(setElsewhere, " "+name+" ") {
		return value{from: OriginUnknown}, true
	}
	return value{}, false
}

func isAll(x syntax.ArithmExpr) bool {
	w, ok := x.(*syntax.Word)
	return ok && (w.Lit() == "@" || w.Lit() == "*")
}

// substitution is $(…): its commands count, its output is a value only when
// it is constant.
func (a *analyser) substitution(p *syntax.CmdSubst, quoted bool) frag {
	if f, ok := a.memo[p]; ok {
		return f
	}
	src := a.sub(p.Stmts, a.stdin)
	f := frag{quoted: quoted, from: src.Origin, src: src}
	switch src.Origin {
	case OriginConstant:
		f.text, f.glob = strings.TrimRight(src.text, "\n"), !quoted
	case OriginNone:
		f.from = OriginConstant
	case OriginFile, OriginUnknown, OriginOutput, OriginDownload:
		f.hole = true
	}
	a.remember(p, f)
	return f
}

func (a *analyser) process(p *syntax.ProcSubst) frag {
	if f, ok := a.memo[p]; ok {
		return f
	}
	f := frag{stream: true, known: true, quoted: true, text: "/dev/fd/63"}
	if len(p.Stmts) == 0 {
		a.problem(ProblemSyntax, "a process substitution of nothing")
	}
	if p.Op == syntax.CmdIn {
		f.src = a.sub(p.Stmts, Source{})
	} else {
		a.sub(p.Stmts, Source{Origin: OriginOutput})
	}
	a.remember(p, f)
	return f
}

func (a *analyser) remember(n syntax.Node, f frag) {
	if a.memo == nil {
		a.memo = map[syntax.Node]frag{}
	}
	a.memo[n] = f
}

// nestedParam judges what stands inside a parameter expansion that is not
// worked out.
func (a *analyser) nestedParam(p *syntax.ParamExp) {
	if p.Slice != nil {
		a.nested(p.Slice.Offset)
		a.nested(p.Slice.Length)
	}
	if p.Repl != nil {
		a.joined(p.Repl.Orig)
		a.joined(p.Repl.With)
	}
	if p.Exp != nil && p.Exp.Word != nil {
		a.joined(p.Exp.Word)
	}
	if w, ok := p.NestedParam.(*syntax.ParamExp); ok {
		a.nestedParam(w)
	}
}

// nested judges the substitutions and assignments inside an arithmetic
// expression or a test.
func (a *analyser) nested(n syntax.Node) {
	switch x := n.(type) {
	case nil:
		return
	case *syntax.Word:
		if x != nil {
			a.joined(x)
		}
		return
	case *syntax.BinaryArithm:
		if strings.HasSuffix(x.Op.String(), "=") {
			if w, ok := x.X.(*syntax.Word); ok {
				a.assign(Assignment{Name: w.Lit(), Loop: true})
				a.st.put(w.Lit(), value{from: OriginUnknown})
			}
		}
		a.nested(x.X)
		a.nested(x.Y)
	case *syntax.UnaryArithm:
		a.nested(x.X)
	case *syntax.ParenArithm:
		a.nested(x.X)
	case *syntax.FlagsArithm:
		a.nested(x.X)
	}
}
