package cmdline

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"mvdan.cc/sh/v3/syntax"
)

// shellWords are commands that the shell itself carries out: they name no
// program.
const shellWords = " : . [ alias bg bind break builtin caller cd command compgen complete continue declare dirs disown echo enable eval exec exit export false fc fg getopts hash help history jobs kill let local logout mapfile popd printf pushd pwd read readarray readonly return set shift shopt source suspend test times trap true type typeset ulimit umask unalias unset wait "

func isShellWord(s string) bool { return strings.Contains(shellWords, " "+s+" ") }

// Script gives the argv that runs exactly what was judged: one simple command
// as its own words, anything else as a script that is printed anew from the
// tree, with every program by the absolute path that resolve names. The text
// that the model wrote is never run. resolve is asked for every program of the
// line, wrapped ones too; a false answer is an error, as is a line that was
// not parsed.
func (f Facts) Script(resolve func(name string) (abs string, ok bool)) ([]string, error) {
	if f.tree == nil || len(f.tree.Stmts) == 0 {
		return nil, fmt.Errorf("cmdline: nothing to run")
	}
	for i := range f.Commands {
		c := &f.Commands[i]
		if len(c.Argv) == 0 || !c.Argv[0].Known || c.Argv[0].Text == "" || slices.Contains(f.Functions, c.Argv[0].Text) {
			continue
		}
		if name := c.Argv[0].Text; !isShellWord(name) {
			if _, ok := resolve(name); !ok {
				return nil, fmt.Errorf("cmdline: program %q not found", name)
			}
		}
	}
	if argv, ok := f.simple(resolve); ok {
		return argv, nil
	}
	return f.script(resolve)
}

// simple is the argv of a line that is one simple command with known words.
func (f Facts) simple(resolve func(string) (string, bool)) ([]string, bool) {
	st := f.tree.Stmts[0]
	call, ok := st.Cmd.(*syntax.CallExpr)
	if len(f.tree.Stmts) != 1 || !ok || st.Negated || st.Background || st.Coprocess || len(st.Redirs) > 0 || len(call.Assigns) > 0 {
		return nil, false
	}
	if len(f.Commands) == 0 || len(f.Commands[0].Argv) == 0 || f.Commands[0].Role != RoleList || len(f.Commands[0].Via) > 0 {
		return nil, false
	}
	words := f.Commands[0].Argv
	argv := make([]string, 0, len(words))
	for _, w := range words {
		if !w.Known || w.Glob || w.Stream {
			return nil, false
		}
		argv = append(argv, w.Text)
	}
	abs, ok := resolve(argv[0])
	if !ok {
		return nil, false
	}
	argv[0] = abs
	return argv, true
}

// script prints the tree for bash, with absolute programs. A word that is
// written out becomes the quoted value that was judged.
func (f Facts) script(resolve func(string) (string, bool)) ([]string, error) {
	shell, ok := resolve("bash")
	if !ok {
		return nil, fmt.Errorf("cmdline: program %q not found", "bash")
	}
	var b strings.Builder
	if err := syntax.NewPrinter().Print(&b, f.tree); err != nil {
		return nil, fmt.Errorf("cmdline: cannot print the line: %w", err)
	}
	tree, err := parse(b.String())
	if err != nil {
		return nil, fmt.Errorf("cmdline: the printed line does not parse: %w", err)
	}
	if again := Analyze(b.String(), f.env); !sameRun(f, again) {
		return nil, fmt.Errorf("cmdline: the line cannot be rebuilt so that it runs the same")
	}
	r := rebuilder{f: f, resolve: resolve}
	syntax.Walk(tree, r.node)
	if r.missing != "" {
		return nil, fmt.Errorf("cmdline: program %q not found", r.missing)
	}
	b.Reset()
	if err := syntax.NewPrinter().Print(&b, tree); err != nil {
		return nil, fmt.Errorf("cmdline: cannot print the line: %w", err)
	}
	if _, err := parse(b.String()); err != nil {
		return nil, fmt.Errorf("cmdline: the rebuilt line does not parse: %w", err)
	}
	return []string{shell, "--noprofile", "--norc", "-c", b.String()}, nil
}

// sameRun reports whether two analyses hold the same commands.
func sameRun(a, b Facts) bool {
	word := func(x, y Word) bool {
		return x.Text == y.Text && x.Known == y.Known && x.Glob == y.Glob && x.Stream == y.Stream
	}
	return a.Understood == b.Understood &&
		slices.EqualFunc(a.Commands, b.Commands, func(x, y Command) bool {
			return x.Program == y.Program && x.Role == y.Role && slices.EqualFunc(x.Argv, y.Argv, word)
		}) &&
		slices.EqualFunc(a.Redirects, b.Redirects, func(x, y Redirect) bool { return x.Op == y.Op && x.Text == y.Text }) &&
		slices.Equal(a.Assigns, b.Assigns) && slices.Equal(a.Functions, b.Functions)
}

// rebuilder replaces words of a tree by what was judged.
type rebuilder struct {
	f       Facts
	resolve func(string) (string, bool)
	missing string
}

func (r *rebuilder) node(n syntax.Node) bool {
	switch x := n.(type) {
	case *syntax.CallExpr:
		x.Args = r.words(x.Args)
		r.program(x)
	case *syntax.Redirect:
		if x.Op != syntax.Hdoc && x.Op != syntax.DashHdoc && x.Word != nil {
			if texts, ok := r.literal(x.Word); ok && len(texts) == 1 {
				x.Word = quotedWord(texts[0])
			}
		}
	case *syntax.WordIter:
		x.Items = r.words(x.Items)
	}
	return true
}

// program puts the absolute path in the place of a program's name.
func (r *rebuilder) program(x *syntax.CallExpr) {
	if len(x.Args) == 0 {
		return
	}
	texts, ok := r.literal(x.Args[0])
	if !ok || len(texts) != 1 || texts[0] == "" || isShellWord(texts[0]) || slices.Contains(r.f.Functions, texts[0]) {
		return
	}
	abs, found := r.resolve(texts[0])
	if !found {
		r.missing = texts[0]
		return
	}
	x.Args[0] = quotedWord(abs)
}

func (r *rebuilder) words(ws []*syntax.Word) []*syntax.Word {
	out := make([]*syntax.Word, 0, len(ws))
	for _, w := range ws {
		texts, ok := r.literal(w)
		if !ok {
			out = append(out, w)
			continue
		}
		for _, s := range texts {
			out = append(out, quotedWord(s))
		}
	}
	return out
}

// literal gives the fields of a word that hangs on nothing but the text and
// the home.
func (r *rebuilder) literal(w *syntax.Word) ([]string, bool) {
	own := true
	syntax.Walk(w, func(n syntax.Node) bool {
		switch x := n.(type) {
		case *syntax.CmdSubst, *syntax.ProcSubst, *syntax.ArithmExp, *syntax.ExtGlob:
			own = false
		case *syntax.ParamExp:
			own = own && x.Param != nil && x.Param.Value == "HOME"
		case *syntax.Lit:
			own = own && !strings.Contains(x.Value, "~+")
		}
		return own
	})
	if !own || slices.ContainsFunc(r.f.Assigns, func(a Assignment) bool { return a.Name == "HOME" }) {
		return nil, false
	}
	var scratch Facts
	ws := newAnalyser(&scratch, Env{Home: r.f.Home}).word(w)
	texts := make([]string, 0, len(ws))
	for _, x := range ws {
		if !x.Known || x.Glob || x.Stream {
			return nil, false
		}
		texts = append(texts, x.Text)
	}
	return texts, len(scratch.Problems) == 0
}

// quotedWord is a word that stands for exactly s.
func quotedWord(s string) *syntax.Word {
	w := &syntax.Word{}
	if strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 && r != '\n' && r != '\t' || hidden(r) || r == utf8.RuneError }) {
		var b strings.Builder
		for i := 0; i < len(s); i++ {
			switch c := s[i]; {
			case c == '\'' || c == '\\':
				b.WriteByte('\\')
				b.WriteByte(c)
			case c < 0x20 || c >= 0x7f:
				fmt.Fprintf(&b, `\x%02x`, c)
			default:
				b.WriteByte(c)
			}
		}
		w.Parts = []syntax.WordPart{&syntax.SglQuoted{Dollar: true, Value: b.String()}}
		return w
	}
	for i, p := range strings.Split(s, "'") {
		if i > 0 {
			w.Parts = append(w.Parts, &syntax.Lit{Value: `\'`})
		}
		if p != "" || s == "" {
			w.Parts = append(w.Parts, &syntax.SglQuoted{Value: p})
		}
	}
	return w
}

// launchFiles are the files that a program takes commands from, relative to
// its directory or one above (R01). Source code is the sandbox's business.
var launchFiles = []struct{ programs, files string }{
	{"git", ".git/config .gitattributes .git/info/attributes"},
	{"npm npx pnpm pnpx yarn bun bunx corepack", "package.json .npmrc .yarnrc .yarnrc.yml .pnpmfile.cjs bunfig.toml"},
	{"make gmake", "GNUmakefile makefile Makefile"},
	{"pytest py.test tox nox", "conftest.py pytest.ini pyproject.toml setup.cfg tox.ini noxfile.py"},
	{"python python3 pip pip3 uv poetry", "pyproject.toml setup.py setup.cfg conftest.py pytest.ini sitecustomize.py"},
	{"cargo", "Cargo.toml .cargo/config.toml .cargo/config build.rs"},
	{"just", "justfile Justfile .justfile"},
	{"rake bundle", "Rakefile rakefile Gemfile"},
	{"gradle gradlew", "build.gradle build.gradle.kts settings.gradle gradle.properties"},
	{"mvn mvnw", "pom.xml .mvn/extensions.xml .mvn/maven.config"},
	{"docker docker-compose", "compose.yaml compose.yml docker-compose.yml docker-compose.yaml Dockerfile"},
	{"go", "go.mod go.work"},
	{"composer", "composer.json"},
	{"deno", "deno.json deno.jsonc"},
	{"pre-commit", ".pre-commit-config.yaml"},
	{"direnv", ".envrc"},
	{"eslint prettier jest vitest webpack vite rollup tsc", "package.json"},
}

// LaunchFiles lists absolute paths of the launch configuration that the
// programs of a line would load, whether they exist or not: in each directory
// from where the line begins up to the workspace.
func LaunchFiles(f Facts) []string {
	var out []string
	for i := range f.Commands {
		for _, l := range launchFiles {
			if !slices.Contains(strings.Fields(l.programs), f.Commands[i].Program) {
				continue
			}
			for _, dir := range dirsUp(f.Cwd, f.Workspace) {
				for _, name := range strings.Fields(l.files) {
					if p := path.Join(dir, name); !slices.Contains(out, p) {
						out = append(out, p)
					}
				}
			}
		}
	}
	return out
}

// dirsUp are dir and its parents down from top; dir alone when it is not
// beneath top.
func dirsUp(dir, top string) []string {
	dir, top = path.Clean(dir), path.Clean(top)
	out := []string{dir}
	for at := dir; at != top && strings.HasPrefix(at, top+"/"); {
		at = path.Dir(at)
		out = append(out, at)
	}
	return out
}
