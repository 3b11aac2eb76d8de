package cmdline

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// analyser walks the tree in the order in which the shell would run it.
type analyser struct {
	facts    *Facts
	env      Env
	st       *state
	memo     map[syntax.Node]frag
	written  []written
	commands int
	depth    int
	text     string // of the script being walked, for raw text
	extended bool   // extended patterns count: inside [[ … ]]
	at       int    // line of the statement, in the text itself
	inner    int    // texts inside the text being walked
	guessed  int
	work     int    // command words that are patterns
	timed    bool   // the next simple command stands after the keyword time
	stdin    Source // of the command whose words are expanded
}

// state is what earlier parts of the line changed.
type state struct {
	vars   map[string]value
	cwds   []string // directories a command may run in
	after  []string // the only ones when the last command succeeded
	funcs  map[string]*syntax.Stmt
	active []*syntax.Stmt // bodies of functions being run
	args   []Word         // "$@"
	arg0   *Word
	stdin  Source // what exec redirected standard input to
}

// written is a file, or all below it, that the line itself makes.
type written struct {
	path string
	tree bool
	from Origin
}

// ctx is the place of a command.
type ctx struct {
	role  Role
	via   []string
	input Source
	bases []string // further directories that relative operands start from
	found bool     // carried by find
	feeds []int    // commands whose output reaches it by pipes
}

func newAnalyser(f *Facts, env Env) *analyser {
	if env.Cwd == "" {
		env.Cwd = "/"
	}
	return &analyser{facts: f, env: env, st: &state{cwds: []string{path.Clean(env.Cwd)}}}
}

func (s *state) put(name string, v value) {
	if s.vars == nil {
		s.vars = map[string]value{}
	}
	s.vars[name] = v
}

func (s *state) clone() *state {
	c := *s
	c.vars, c.funcs = maps.Clone(s.vars), maps.Clone(s.funcs)
	c.cwds, c.active = slices.Clone(s.cwds), slices.Clone(s.active)
	return &c
}

func (a *analyser) problem(k ProblemKind, text string) {
	p := Problem{Kind: k, Text: text}
	if !slices.Contains(a.facts.Problems, p) {
		a.facts.Problems = append(a.facts.Problems, p)
	}
}

// spend counts work that grows faster than the line; false when that was
// enough. About a hundred units are a microsecond.
func (a *analyser) spend(units int) bool {
	if a.work += units; a.work > maxWork {
		a.problem(ProblemLimit, "more that depends on each other than is analysed")
		return false
	}
	return true
}

// line analyses the whole text.
func (a *analyser) line(text string) {
	a.characters(text)
	if len(text) > maxText || nesting(text) > maxDepth {
		a.problem(ProblemLimit, "longer or deeper than what is analysed")
		return
	}
	file, text, err := read(text)
	if err != nil {
		a.problem(ProblemSyntax, err.Error())
		return
	}
	if trailingBackslash(text, file) {
		a.problem(ProblemSyntax, "a backslash at the very end")
		return
	}
	a.facts.tree, a.text = file, text
	a.stmts(file.Stmts, ctx{role: RoleList})
}

// read parses program text. plain is what was parsed: the text, with comments
// that would swallow the next line made harmless.
func read(text string) (file *syntax.File, plain string, err error) {
	plain, ok := plainComments(text)
	if !ok {
		return nil, text, fmt.Errorf("more comments that end in a backslash than are followed")
	}
	file, err = parse(plain)
	return file, plain, err
}

// trailingBackslash reports a line continuation that has no next line.
func trailingBackslash(text string, f *syntax.File) bool {
	if !strings.HasSuffix(text, `\`) {
		return false
	}
	n := len(text) - len(strings.TrimRight(text, `\`))
	if n%2 == 0 {
		return false
	}
	for _, c := range commentsOf(text) {
		if int(c.End().Offset()) >= len(text) {
			return false
		}
	}
	return true
}

func commentsOf(text string) []syntax.Comment {
	f, err := syntax.NewParser(syntax.Variant(syntax.LangBash), syntax.KeepComments(true)).Parse(strings.NewReader(text), "")
	var out []syntax.Comment
	if err == nil {
		syntax.Walk(f, func(n syntax.Node) bool {
			if c, ok := n.(*syntax.Comment); ok {
				out = append(out, *c)
			}
			return true
		})
	}
	return out
}

// nesting bounds how deep the brackets of text can be, quoted or not.
func nesting(text string) int {
	depth, most := 0, 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '(', '{', '`':
			if depth++; depth > most {
				most = depth
			}
		case ')', '}':
			depth = max(depth-1, 0)
		case '\n':
			if i > 0 && text[i-1] == '\n' {
				depth = 0
			}
		}
	}
	return most
}

func (a *analyser) raw(n syntax.Node) string {
	from, to := int(n.Pos().Offset()), int(n.End().Offset())
	if from < 0 || to > len(a.text) || from >= to {
		return ""
	}
	return Visible(a.text[from:to])
}

// script analyses the program text of a shell that the line starts.
func (a *analyser) script(text string, certain bool, c ctx, args []Word, arg0 *Word) Source {
	if a.depth >= maxDepth/16 || len(text) > maxText || nesting(text) > maxDepth {
		a.problem(ProblemLimit, "shells nested deeper than what is analysed")
		return Source{Origin: OriginOutput}
	}
	file, text, err := read(text)
	if err == nil && trailingBackslash(text, file) {
		err = fmt.Errorf("a backslash at the very end")
	}
	if err != nil {
		if certain {
			a.problem(ProblemSyntax, "in the text given to a shell: "+err.Error())
		}
		return Source{Origin: OriginOutput}
	}
	saved, st := a.text, a.st
	a.depth++
	a.inner++
	a.text, a.st = text, st.clone()
	a.st.args, a.st.arg0 = args, arg0
	c.role = RoleScript
	out := a.stmts(file.Stmts, c)
	a.text, a.st = saved, st
	a.inner--
	a.depth--
	return out
}

// sub runs statements in a subshell.
func (a *analyser) sub(ss []*syntax.Stmt, input Source) Source {
	st, extended := a.st, a.extended
	a.st, a.extended = st.clone(), false
	out := a.stmts(ss, ctx{role: RoleSubstitution, input: input})
	a.st, a.extended = st, extended
	return out
}

func (a *analyser) stmts(ss []*syntax.Stmt, c ctx) Source {
	var out Source
	for _, s := range ss {
		out = out.then(a.stmt(s, c))
	}
	return out
}

// then is the output of one command after that of another.
func (s Source) then(t Source) Source {
	switch {
	case s.Origin == OriginNone:
		return t
	case t.Origin == OriginNone:
		return s
	case s.Origin == OriginConstant && t.Origin == OriginConstant:
		s.text += t.text
		return s
	}
	return Source{Origin: max(s.Origin, t.Origin), Programs: append(slices.Clone(s.Programs), t.Programs...), paths: append(slices.Clone(s.paths), t.paths...)}
}

// stmt analyses one statement; the result is what it writes to its output.
func (a *analyser) stmt(s *syntax.Stmt, c ctx) Source {
	if s == nil {
		return Source{}
	}
	if a.depth++; a.depth > maxDepth*4 {
		a.problem(ProblemLimit, "deeper than what is analysed")
		a.depth--
		return Source{}
	}
	if c.input.Origin == OriginNone {
		c.input = a.st.stdin
	}
	if at := a.at; a.inner == 0 {
		a.at = int(s.Pos().Line())
		defer func() { a.at = at }()
	}
	var files []string
	moved := false
	for _, r := range s.Redirs {
		f, out := a.redirect(r, &c)
		files, moved = append(files, f...), moved || out
	}
	var out Source
	switch {
	case s.Cmd != nil:
		out = a.command(s.Cmd, c)
		if s.Negated || s.Background || s.Coprocess || !tellsWhere(s.Cmd) {
			a.st.after = nil
		}
	case len(s.Redirs) > 0:
		out = c.input // $(< file)
	}
	for _, f := range files {
		from := max(OriginOutput, out.Origin)
		a.written = append(a.written, written{path: f, from: from})
	}
	if moved {
		out = Source{}
	}
	a.depth--
	return out
}

// tellsWhere reports a command whose success means that the last cd in it
// succeeded.
func tellsWhere(cmd syntax.Command) bool {
	switch x := cmd.(type) {
	case *syntax.CallExpr, *syntax.TimeClause, *syntax.Block:
		return true
	case *syntax.BinaryCmd:
		return x.Op == syntax.AndStmt
	}
	return false
}

func (a *analyser) command(cmd syntax.Command, c ctx) Source {
	switch x := cmd.(type) {
	case *syntax.CallExpr:
		return a.call(x, c)
	case *syntax.BinaryCmd:
		return a.binary(x, c)
	case *syntax.Subshell:
		st := a.st
		a.st = st.clone()
		out := a.stmts(x.Stmts, c)
		a.st = st
		return out
	case *syntax.Block:
		return a.stmts(x.Stmts, c)
	case *syntax.IfClause:
		var out Source
		for ; x != nil; x = x.Else {
			out = out.then(a.stmts(x.Cond, c)).then(a.stmts(x.Then, c))
		}
		return out
	case *syntax.WhileClause:
		return a.repeat(func() Source { return a.stmts(x.Cond, c).then(a.stmts(x.Do, c)) })
	case *syntax.ForClause:
		return a.loop(x, c)
	case *syntax.CaseClause:
		a.joined(x.Word)
		var out Source
		for _, it := range x.Items {
			for _, p := range it.Patterns {
				a.joined(p)
			}
			out = out.then(a.stmts(it.Stmts, c))
		}
		return out
	case *syntax.FuncDecl:
		return a.function(x, c)
	case *syntax.DeclClause:
		return a.declare(x, c)
	case *syntax.TimeClause:
		a.timed = true
		return a.stmt(x.Stmt, c)
	case *syntax.CoprocClause:
		a.record(Command{Program: "coproc", Argv: []Word{{Text: "coproc", Known: true, Hole: -1}}, Role: c.role, Via: c.via})
		c.via = append(slices.Clone(c.via), "coproc")
		return a.coproc(x, c)
	case *syntax.TestClause:
		cmd := Command{Program: "[[", Argv: []Word{{Text: "[[", Known: true, Hole: -1}}, Role: c.role, Via: c.via, Steering: true}
		a.extended = true
		a.test(x.X, &cmd)
		a.extended = false
		a.record(cmd)
		return Source{}
	case *syntax.ArithmCmd:
		a.nested(x.X)
		a.record(Command{Program: "((", Argv: []Word{{Text: "((", Known: true, Hole: -1}}, Role: c.role, Via: c.via})
		return Source{}
	case *syntax.LetClause:
		for _, e := range x.Exprs {
			a.nested(e)
		}
		a.record(Command{Program: "let", Argv: []Word{{Text: "let", Known: true, Hole: -1}}, Role: c.role, Via: c.via})
		return Source{}
	}
	a.problem(ProblemSyntax, "a command of a kind that is not analysed")
	return Source{}
}

// coproc carries a command. A word before a simple command is no name: it is
// the command.
func (a *analyser) coproc(x *syntax.CoprocClause, c ctx) Source {
	if x.Name != nil {
		argv := a.word(x.Name)
		if len(argv) != 1 || !assignment(argv[0].Text+"=") || !argv[0].Known {
			a.problem(ProblemSyntax, "a coprocess of a kind that is not analysed")
		}
		if call, ok := x.Stmt.Cmd.(*syntax.CallExpr); ok || x.Stmt.Cmd == nil {
			if call != nil {
				argv = append(argv, a.words(call.Args)...)
			}
			a.simple(argv, c)
		} else if len(argv) == 1 {
			a.assign(Assignment{Name: argv[0].Text})
		}
	}
	return a.stmt(x.Stmt, c)
}

func (a *analyser) record(c Command) int {
	if a.commands++; a.commands > maxCommands {
		a.problem(ProblemLimit, "more commands than are analysed")
		return -1
	}
	// What a pattern as command word may carry is analysed once for each
	// program it may be: the same words many times.
	if a.guessed > 0 && !a.spend(guessCost*len(c.Argv)) {
		return -1
	}
	c.Line = a.at
	if a.facts.Commands == nil {
		n := 1
		for i := 0; i < len(a.text) && n < 8; i++ {
			if strings.IndexByte("|&;\n", a.text[i]) >= 0 {
				n++
			}
		}
		a.facts.Commands = make([]Command, 0, n)
	}
	a.facts.Commands = append(a.facts.Commands, c)
	return len(a.facts.Commands) - 1
}

func (a *analyser) binary(x *syntax.BinaryCmd, c ctx) Source {
	switch x.Op {
	case syntax.Pipe, syntax.PipeAll:
		if _, ok := x.Y.Cmd.(*syntax.TimeClause); ok {
			a.problem(ProblemSyntax, "time inside a pipeline, where it is no keyword")
		}
		left := c
		left.role = RolePipe
		from := len(a.facts.Commands)
		c.role, c.input = RolePipe, a.stmt(x.X, left)
		c.feeds = slices.Clone(c.feeds)
		for i := from; i < len(a.facts.Commands); i++ {
			c.feeds = append(c.feeds, i)
		}
		if c.input.Origin == OriginNone {
			c.input.Origin = OriginOutput
		}
		out := a.stmt(x.Y, c)
		a.st.after = nil
		return out
	case syntax.AndStmt:
		a.st.after = nil
		out := a.stmt(x.X, c)
		every := a.st.cwds
		if a.st.after != nil {
			a.st.cwds = a.st.after
		}
		a.st.after = nil
		out = out.then(a.stmt(x.Y, c))
		if a.st.after == nil {
			a.st.after = a.st.cwds
		}
		a.st.cwds = union(a.st.cwds, every)
		return out
	case syntax.OrStmt:
		out := a.stmt(x.X, c)
		a.st.after = nil
		out = out.then(a.stmt(x.Y, c))
		a.st.after = nil
		return out
	}
	a.problem(ProblemSyntax, "an operator that is not analysed")
	return Source{}
}

func union(s, t []string) []string {
	out := slices.Clone(s)
	for _, x := range t {
		if !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}

func (a *analyser) loop(x *syntax.ForClause, c ctx) Source {
	switch l := x.Loop.(type) {
	case *syntax.WordIter:
		ws := a.words(l.Items)
		if !l.InPos.IsValid() {
			ws = a.st.args
		}
		v := value{from: OriginConstant}
		for _, w := range ws {
			v.from = max(v.from, w.From)
			if w.Hole >= 0 || w.Glob {
				v.from = max(v.from, OriginUnknown)
			}
			if len(v.alts) < maxAlts {
				v.alts = append(v.alts, w.Values()...)
			}
			if w.src.Origin > v.src.Origin {
				v.src = w.src
			}
		}
		a.assign(Assignment{Name: l.Name.Value, Loop: true})
		a.st.put(l.Name.Value, v)
	case *syntax.CStyleLoop:
		a.nested(l.Init)
		a.nested(l.Cond)
		a.nested(l.Post)
	}
	return a.repeat(func() Source { return a.stmts(x.Do, c) })
}

// repeat analyses the body of a loop until no turn of it reaches another
// directory.
func (a *analyser) repeat(body func() Source) Source {
	var out Source
	for turn := 0; ; turn++ {
		before := len(a.st.cwds)
		out = out.then(body())
		if len(a.st.cwds) <= before {
			return out
		}
		if turn == 8 {
			a.problem(ProblemLimit, "more directories than are followed")
			return out
		}
	}
}

func (a *analyser) function(x *syntax.FuncDecl, c ctx) Source {
	if x.Name == nil || x.Body == nil {
		a.problem(ProblemSyntax, "a function without a name")
		return Source{}
	}
	name := x.Name.Value
	a.facts.Functions = append(a.facts.Functions, name)
	if a.st.funcs == nil {
		a.st.funcs = map[string]*syntax.Stmt{}
	}
	a.st.funcs[name] = x.Body
	c.role = RoleFunction
	c.input = Source{}
	st := a.st
	a.st = st.clone()
	a.st.active = append(a.st.active, x.Body)
	a.stmt(x.Body, c)
	a.st = st
	return Source{}
}

// test checks the operands of [[ … ]].
func (a *analyser) test(x syntax.TestExpr, cmd *Command) {
	switch x := x.(type) {
	case *syntax.BinaryTest:
		a.test(x.X, cmd)
		a.test(x.Y, cmd)
		if strings.HasPrefix(x.Op.String(), "-") && strings.Contains(a.raw(x), "[") {
			cmd.Unchecked = append(cmd.Unchecked, a.raw(x)) // a subscript is evaluated
		}
		if x.Op == syntax.TsNewer || x.Op == syntax.TsOlder || x.Op == syntax.TsDevIno {
			for _, e := range []syntax.TestExpr{x.X, x.Y} {
				if w, ok := e.(*syntax.Word); ok {
					a.use(cmd, a.joined(w), Read, nil)
				}
			}
		}
	case *syntax.UnaryTest:
		w, ok := x.X.(*syntax.Word)
		if !ok {
			a.test(x.X, cmd)
			return
		}
		v := a.joined(w)
		cmd.Argv = append(cmd.Argv, v)
		if !v.Known {
			cmd.Unchecked = append(cmd.Unchecked, v.Raw)
		}
		if (x.Op == syntax.TsVarSet || x.Op == syntax.TsRefVar) && strings.Contains(v.Text, "[") {
			cmd.Unchecked = append(cmd.Unchecked, a.raw(w)) // a subscript is evaluated
		}
		if x.Op <= syntax.TsNoEmpty && x.Op >= syntax.TsExists {
			a.use(cmd, v, Read, nil)
		}
	case *syntax.ParenTest:
		a.test(x.X, cmd)
	case *syntax.Word:
		v := a.joined(x)
		cmd.Argv = append(cmd.Argv, v)
		if !v.Known {
			cmd.Unchecked = append(cmd.Unchecked, v.Raw)
		}
	}
}
