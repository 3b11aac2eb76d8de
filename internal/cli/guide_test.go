package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// guideText is the specification; it lies beside the repository, or is not
// there.
func guideText(t *testing.T) (string, bool) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "guide.txt"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", false
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(b), true
}

// ownText has the guide's forms in our words, so that the tests hold without
// its text.
const ownText = `
openclaw security audit --deep
openclaw security audit --fix
openclaw security audit --deep --json > "$FILE"
openclaw security auditNext heading
Look at it with openclaw skill info and openclaw skill source first.
openclaw skill scan NAME
openclaw skill source NAME | less
{
"gateway": {
"bind": "loopback",
"auth": { "mode": "token", "token": "0123456789abcdef0123456789abcdef" }
}
}Next heading
{
"tools": { "profile": "messaging", "exec": { "security": "deny" } }
}
`

// configSnippets are the objects of a text: from a line "{" to its brace.
func configSnippets(text string) []string {
	var out []string
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		if lines[i] != "{" {
			continue
		}
		depth, body := 0, []string{}
		for ; i < len(lines); i++ {
			body = append(body, lines[i])
			depth += strings.Count(lines[i], "{") + strings.Count(lines[i], "[") - strings.Count(lines[i], "}") - strings.Count(lines[i], "]")
			if depth <= 0 {
				last := &body[len(body)-1]
				*last = (*last)[:strings.LastIndexByte(*last, '}')+1] // a heading may follow
				break
			}
		}
		out = append(out, strings.Join(body, "\n"))
	}
	return out
}

var mention = regexp.MustCompile(`(?:^|[^\w./-])openclaw ([a-z][^\n]*)`)

// guideCommands are the commands of a text: whole lines, and what sentences
// name, which ends before the next word that is neither command nor flag.
func guideCommands(text string) [][]string {
	var out [][]string
	for _, line := range strings.Split(text, "\n") {
		for {
			m := mention.FindStringSubmatchIndex(line)
			if m == nil {
				break
			}
			words := commandWords(line[m[2]:m[3]], strings.HasPrefix(line, "openclaw "))
			if len(words) > 0 {
				out = append(out, words)
			}
			line = line[m[2]:]
		}
	}
	return out
}

var glued = regexp.MustCompile(`[a-z][A-Z]`)

// commandWords cuts a command line where the shell goes on or, in a sentence,
// after two words and their flags.
func commandWords(text string, whole bool) []string {
	var out []string
	for _, w := range strings.Fields(text) {
		if strings.ContainsAny(w, "|<>;&#") || w == "2>&1" {
			break
		}
		at := glued.FindStringIndex(w)
		if at != nil {
			w = w[:at[0]+1]
		}
		w = strings.Trim(w, `'".,`)
		if !whole && len(out) >= 2 && !strings.HasPrefix(w, "--") {
			break
		}
		out = append(out, w)
		if at != nil {
			break
		}
	}
	return out
}

// resolve says why a command line is not one of this program's.
func resolve(words []string) error {
	e := &env{print: &printer{out: &bytes.Buffer{}, err: &bytes.Buffer{}}, getenv: func(string) string { return "" }}
	c, rest, err := e.root().Find(words)
	if err != nil {
		return err
	}
	c.InitDefaultHelpFlag()
	if err := c.ParseFlags(rest); err != nil {
		return err
	}
	if len(rest) == 0 {
		return nil // a mention in a sentence
	}
	if err := c.ValidateArgs(c.Flags().Args()); err != nil {
		return err
	}
	if c.HasSubCommands() && c.Args == nil {
		return fmt.Errorf("%q only holds other commands", c.CommandPath())
	}
	return nil
}

// TestGuideCommands: every command of the guide exists with its flags.
func TestGuideCommands(t *testing.T) {
	texts := map[string]string{"our words": ownText}
	least := map[string]int{"our words": 8, "the guide": 10}
	if text, ok := guideText(t); ok {
		texts["the guide"] = text
	}
	for name, text := range texts {
		commands := guideCommands(text)
		if len(commands) < least[name] {
			t.Errorf("%s: only %d commands found: %v", name, len(commands), commands)
		}
		for _, words := range commands {
			if err := resolve(words); err != nil {
				t.Errorf("%s: openclaw %s: %v", name, strings.Join(words, " "), err)
			}
		}
		if !slices.ContainsFunc(commands, func(w []string) bool {
			return slices.Equal(w, []string{"security", "audit", "--deep", "--json"})
		}) {
			t.Errorf("%s: the nightly audit was not found in %v", name, commands)
		}
	}
}

// TestGuideSnippetsAreAccepted: the built command takes every configuration of
// the guide, word for word.
func TestGuideSnippetsAreAccepted(t *testing.T) {
	texts := map[string]string{"our words": ownText}
	least := map[string]int{"our words": 2, "the guide": 8}
	if text, ok := guideText(t); ok {
		texts["the guide"] = text
	}
	for name, text := range texts {
		snippets := configSnippets(text)
		if len(snippets) < least[name] {
			t.Errorf("%s: only %d snippets found", name, len(snippets))
		}
		for _, s := range snippets {
			home := t.TempDir()
			for k, v := range map[string]string{"HOME": home, "OPENCLAW_STATE_DIR": "", "OPENCLAW_CONFIG_PATH": "", "OPENCLAW_GATEWAY_PORT": ""} {
				t.Setenv(k, v)
			}
			dir := filepath.Join(home, ".openclaw")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "openclaw.json"), []byte(s), 0o600); err != nil {
				t.Fatal(err)
			}
			var out, errs bytes.Buffer
			if code := Main([]string{"openclaw", "config", "validate", "--json"}, strings.NewReader(""), &out, &errs); code != exitOK {
				t.Errorf("%s: exit %d\n%s\n%s%s", name, code, s, out.String(), errs.String())
			}
		}
	}
}

// TestUnknownWordsAreRefused: a word that is no command ends with a usage
// error at every level.
func TestUnknownWordsAreRefused(t *testing.T) {
	e := &env{print: &printer{out: &bytes.Buffer{}, err: &bytes.Buffer{}}, getenv: func(string) string { return "" }}
	var walk func(c *cobra.Command, path []string)
	groups := 0
	walk = func(c *cobra.Command, path []string) {
		if c.HasSubCommands() {
			groups++
			if err := resolve(append(slices.Clone(path), "no-such-word")); err == nil {
				t.Errorf("openclaw %s no-such-word passes", strings.Join(path, " "))
			}
		}
		for _, sub := range c.Commands() {
			walk(sub, append(slices.Clone(path), sub.Name()))
		}
	}
	walk(e.root(), nil)
	if groups < 8 {
		t.Errorf("only %d groups", groups)
	}
}
