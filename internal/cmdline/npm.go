package cmdline

import (
	"slices"
	"strings"
)

// npmRuns are options and settings that name a program or code.
const npmRuns = "userconfig globalconfig script-shell node-options git editor viewer browser shell onload-script init-module initrc call node-gyp nodedir python scripts-prepend-node-path ssh-command message-hook"

const npmSettings = npmRuns + " prefix cafile cache registry https-proxy proxy noproxy tmp key cert _auth _authToken"

// npm judges npm's options and the subcommands that run other programs.
func (a *analyser) npm(cmd *Command, c ctx) {
	args := cmd.Argv[1:]
	inline := func(s string) { cmd.Inline = append(cmd.Inline, s) }
	var words []Word
	dash := -1
	for i := 0; i < len(args); i++ {
		w := args[i]
		t := w.Text
		if t == "--" {
			dash = i
			break
		}
		if !strings.HasPrefix(t, "-") || w.Hole == 0 {
			words = append(words, w)
			continue
		}
		name, v, has := strings.Cut(strings.TrimLeft(t, "-"), "=")
		name = strings.ReplaceAll(name, "_", "-")
		switch {
		case t == "-C" && i+1 < len(args):
			i++
			a.operand(cmd, args[i], Read, c.bases)
			continue
		case t == "-c" || name == "call" && strings.HasPrefix(t, "--"):
			inline("npm runs a command string")
			x := sub(w, v)
			if !has && i+1 < len(args) {
				i++
				x = args[i]
			}
			a.carriedText(cmd, x, c, "npm")
			continue
		case strings.HasPrefix(t, "--") && len(name) > 2 && takes(npmRuns, name) && !listed("init scope script-off save", name) && !(len(name) > 3 && strings.HasPrefix("prefix", name)):
			inline("a program or code named by --" + name)
		}
		switch {
		case has:
			a.option(cmd, w, v, c.bases)
		case listed("prefix userconfig globalconfig cache cafile script-shell node-options git editor viewer browser shell init-module onload-script tmp pack-destination cert key", name) && i+1 < len(args):
			i++
			a.operand(cmd, args[i], Read, c.bases)
		case listed("tag scope registry otp loglevel workspace omit include access depth before", name) && i+1 < len(args):
			i++
		}
	}
	if len(words) > 0 && words[0].Known {
		a.npmVerb(cmd, words[0].Text, words[1:], args, dash, c)
	}
	for j, w := range words {
		if j > 0 {
			a.npmOperand(cmd, w, c)
		}
	}
	if dash < 0 {
		return
	}
	opts, rest := scan(args[dash+1:], grammar{text: "gt", ltext: "grep testNamePattern testPathPattern test-name-pattern reporter filter name fgrep invert-grep runner"})
	for _, o := range opts {
		if o.has && !takes("grep testNamePattern testPathPattern test-name-pattern reporter filter name fgrep", strings.TrimLeft(o.name, "-")) {
			a.option(cmd, o.val, o.val.Text, c.bases)
		}
	}
	for _, w := range rest {
		a.operand(cmd, w, Read, c.bases)
	}
}

// npx carries the command after its own options, or a command string.
func (a *analyser) npx(cmd *Command, c ctx) {
	args := cmd.Argv[1:]
	cmd.Inline = append(cmd.Inline, cmd.Program+" fetches and runs a program")
	c.role, c.via = RoleCarried, append(slices.Clone(c.via), cmd.Program)
	for i := 0; i < len(args); i++ {
		t := args[i].Text
		name, v, has := strings.Cut(t, "=")
		switch {
		case name == "-c" || name == "--call":
			w := sub(args[i], v)
			if !has && i+1 < len(args) {
				i++
				w = args[i]
			}
			a.carriedText(cmd, w, c, cmd.Program)
		case !has && (name == "-p" || name == "--package" || name == "-w" || name == "--workspace"):
			i++
		case t == "--" || !strings.HasPrefix(t, "-") || args[i].Hole == 0:
			if t == "--" {
				i++
			}
			a.simple(args[min(i, len(args)):], c)
			return
		}
	}
}

func (a *analyser) npmOperand(cmd *Command, w Word, c ctx) {
	t := w.Text
	switch {
	case strings.HasPrefix(t, "file:"):
		a.useText(cmd, w, strings.TrimPrefix(t[5:], "//"), Read, c.bases)
	case strings.Contains(t, "@file:"):
		a.useText(cmd, w, t[strings.Index(t, "@file:")+6:], Read, c.bases)
	case strings.Contains(t, "@/") || strings.Contains(t, "@../") || strings.Contains(t, "@~/"):
		a.useText(cmd, w, t[strings.LastIndex(t, "@")+1:], Read, c.bases)
	case strings.Contains(t, "://"):
		a.address(cmd, w, Read)
	default:
		a.operand(cmd, w, Read, c.bases)
	}
}

// npmVerb judges the subcommands that start something else than a script of
// the package.
func (a *analyser) npmVerb(cmd *Command, verb string, rest, args []Word, dash int, c ctx) {
	inline := func(s string) { cmd.Inline = append(cmd.Inline, s) }
	has := func(n int) bool { return len(rest) >= n }
	carry := func() {
		inner := rest
		if dash >= 0 {
			inner = args[dash+1:]
		}
		c.role, c.via = RoleCarried, append(slices.Clone(c.via), cmd.Program)
		a.simple(inner, c)
	}
	switch {
	case listed("exec x dlx", verb):
		inline("npm " + verb + " fetches and runs a program")
		carry()
	case verb == "explore":
		inline("npm explore starts a shell or program")
		if has(1) {
			rest = rest[1:]
		}
		carry()
	case listed("init create innit", verb) && has(1):
		inline("npm " + verb + " fetches and runs a package")
	case verb == "pkg" && has(2) && rest[0].Text == "set":
		for _, w := range rest[1:] {
			if !w.Known || strings.HasPrefix(w.Text, "scripts") || strings.HasPrefix(w.Text, "bin") || strings.HasPrefix(w.Text, "config") {
				inline("a script of the package is set")
			}
		}
	case listed("config c set", verb):
		keys := rest
		if verb != "set" {
			if !has(1) || !listed("set edit", rest[0].Text) {
				return
			}
			if rest[0].Text == "edit" {
				inline("an editor")
				return
			}
			keys = rest[1:]
		}
		for i, w := range keys {
			k, _, pair := strings.Cut(w.Text, "=")
			if (i == 0 || pair) && (!w.Known || listed(npmSettings, strings.ReplaceAll(k, "_", "-")) || strings.Contains(k, ":")) {
				inline("an npm setting that names a program or a file")
			}
		}
	case listed("edit docs home repo bugs issues", verb):
		inline("npm " + verb + " starts another program")
	}
}
