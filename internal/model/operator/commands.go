package operator

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// command is one thing that the operator understands.
type command struct {
	words []string
	tool  []claw.ToolName // any of them will do; nil answers by itself
	usage string
	does  string
	// shell does the same outside of a conversation; empty when nothing does.
	shell string
	parse func(rest string) (args any, line string, err error)
}

// commands lists them as help shows them.
func commands() []command {
	return []command{
		{words: []string{"help", "?", "/help"}, usage: "help", does: "this list"},
		{words: []string{"status"}, tool: []claw.ToolName{"session_status"}, usage: "status", does: "this session", parse: bare},
		{words: []string{"read", "cat", "show"}, tool: []claw.ToolName{"read"}, usage: "read PATH", does: "show a file", parse: parseRead},
		{words: []string{"list", "ls"}, tool: []claw.ToolName{"exec"}, usage: "list [PATH]", does: "list a directory", parse: parseList},
		{words: []string{"write"}, tool: []claw.ToolName{"write"}, usage: "write PATH TEXT", does: "write a file; the text may go over several lines or stand in a ``` block", parse: parseWrite},
		{words: []string{"edit", "replace"}, tool: []claw.ToolName{"edit"}, usage: "edit PATH OLD => NEW", does: "replace a text in a file; OLD and NEW may stand in two ``` blocks", parse: parseEdit},
		{words: []string{"run", "exec", "$"}, tool: []claw.ToolName{"exec"}, usage: "run COMMAND", does: "run a command in the sandbox", parse: parseRun},
		{words: []string{"fetch", "get"}, tool: []claw.ToolName{"web_fetch"}, usage: "fetch URL", does: "read a web page", parse: parseFetch},
		{words: []string{"sessions"}, tool: []claw.ToolName{"sessions_list"}, usage: "sessions", does: "list conversations", parse: bare, shell: "openclaw sessions"},
		{words: []string{"history"}, tool: []claw.ToolName{"sessions_history"}, usage: "history KEY", does: "show a conversation", parse: parseHistory},
		{words: []string{"audit"}, tool: []claw.ToolName{"security_audit", "audit"}, usage: "audit", does: "run the security audit", parse: bare, shell: "openclaw security audit"},
	}
}

func (c command) is(verb string) bool { return slices.Contains(c.words, verb) }

type none struct{}

func bare(rest string) (any, string, error) {
	if strings.TrimSpace(rest) != "" {
		return nil, "", errors.New("it takes nothing after it")
	}
	return none{}, "", nil
}

func parseRead(rest string) (any, string, error) {
	path, more, err := word(rest)
	if err != nil || strings.TrimSpace(more) != "" {
		return nil, "", onePath(err)
	}
	return struct {
		Path string `json:"path"`
	}{path}, path, nil
}

func onePath(err error) error {
	if err != nil {
		return err
	}
	return errors.New("expected one path; put one with spaces in quotes")
}

func parseList(rest string) (any, string, error) {
	line := "ls"
	if strings.TrimSpace(rest) != "" {
		path, more, err := word(rest)
		if err != nil || strings.TrimSpace(more) != "" {
			return nil, "", onePath(err)
		}
		line = "ls " + shellQuote(path)
	}
	return run{line}, line, nil
}

type run struct {
	Command string `json:"command"`
}

func parseRun(rest string) (any, string, error) {
	line := strings.TrimSpace(rest)
	if block, after, ok := fenced(rest); ok && strings.TrimSpace(after) == "" {
		line = strings.TrimSpace(block)
	}
	if len(line) > 1 && line[0] == '`' && line[len(line)-1] == '`' && strings.Count(line, "`") == 2 {
		line = line[1 : len(line)-1]
	}
	if line == "" {
		return nil, "", errors.New("no command")
	}
	return run{line}, oneLine(line), nil
}

func parseWrite(rest string) (any, string, error) {
	path, more, err := word(rest)
	if err != nil {
		return nil, "", err
	}
	text := strings.TrimLeft(more, " \t")
	if block, after, ok := fenced(more); ok {
		if strings.TrimSpace(after) != "" {
			return nil, "", errors.New("there is text after the closing ```")
		}
		text = block
	} else if after, lines := strings.CutPrefix(text, "\n"); lines {
		text = strings.TrimRight(after, "\n") + "\n"
	}
	if strings.TrimSpace(more) == "" {
		return nil, "", errors.New("no text")
	}
	return struct {
		Path    string `json:"path"`
		Content string `json:"content"`
	}{path, text}, fmt.Sprintf("%s (%d bytes)", path, len(text)), nil
}

func parseEdit(rest string) (any, string, error) {
	path, more, err := word(rest)
	if err != nil {
		return nil, "", err
	}
	from, to, err := change(more)
	if err != nil {
		return nil, "", err
	}
	return struct {
		Path string `json:"path"`
		Old  string `json:"oldText"`
		New  string `json:"newText"`
	}{path, from, to}, path, nil
}

// change reads OLD => NEW, each bare, in quotes, or in a block of its own.
func change(text string) (from, to string, err error) {
	if first, after, ok := fenced(text); ok {
		after = strings.TrimPrefix(strings.TrimSpace(after), "=>")
		second, more, ok := fenced(after)
		if !ok || strings.TrimSpace(more) != "" {
			return "", "", errors.New("expected a second ``` block with the new text")
		}
		return strings.TrimSuffix(first, "\n"), strings.TrimSuffix(second, "\n"), nil
	}
	from, to, ok := strings.Cut(text, " => ")
	if !ok {
		from, ok = strings.CutSuffix(strings.TrimRight(text, " \n"), " =>")
	}
	if !ok || strings.Contains(to, " => ") {
		return "", "", errors.New("expected OLD => NEW once")
	}
	from, to = unquote(strings.TrimSpace(from)), unquote(strings.TrimSpace(to))
	if from == "" {
		return "", "", errors.New("the old text is empty")
	}
	return from, to, nil
}

func parseFetch(rest string) (any, string, error) {
	url, more, err := word(rest)
	if err != nil || strings.TrimSpace(more) != "" {
		return nil, "", errors.New("expected one URL")
	}
	if !strings.HasPrefix(url, "https://") && !strings.HasPrefix(url, "http://") {
		return nil, "", errors.New("the URL must begin with https:// or http://")
	}
	return struct {
		URL string `json:"url"`
	}{url}, url, nil
}

func parseHistory(rest string) (any, string, error) {
	key, more, err := word(rest)
	if err != nil || strings.TrimSpace(more) != "" {
		return nil, "", errors.New("expected one session key; `sessions` lists them")
	}
	return struct {
		Key string `json:"sessionKey"`
	}{key}, key, nil
}

// word takes the first word or quoted text off; the rest keeps its lines.
func word(text string) (first, rest string, err error) {
	text = strings.TrimLeft(text, " \t")
	if text == "" || text[0] == '\n' {
		return "", "", errors.New("something is missing")
	}
	if q := text[0]; q == '"' || q == '\'' || q == '`' {
		end := strings.IndexByte(text[1:], q)
		if end < 1 {
			return "", "", fmt.Errorf("the quote %c does not end", q)
		}
		return text[1 : 1+end], text[2+end:], nil
	}
	i := strings.IndexAny(text, " \t\n\r")
	if i < 0 {
		return text, "", nil
	}
	return text[:i], text[i:], nil
}

// fenced takes a ``` block off the start of text. Its lines come as they are.
func fenced(text string) (block, rest string, ok bool) {
	body, ok := strings.CutPrefix(strings.TrimLeft(text, " \t\r\n"), "```")
	if !ok {
		return "", text, false
	}
	_, body, ok = strings.Cut(body, "\n") // after the language
	if !ok {
		return "", text, false
	}
	if after, empty := strings.CutPrefix(body, "```"); empty {
		return "", after, true
	}
	block, rest, ok = strings.Cut(body, "\n```")
	if !ok {
		return "", text, false
	}
	return block + "\n", rest, true
}

func unquote(s string) string {
	if n := len(s); n > 1 && (s[0] == '"' || s[0] == '\'' || s[0] == '`') && s[n-1] == s[0] {
		return s[1 : n-1]
	}
	return s
}

// shellQuote makes path one word of a shell, however it is written.
func shellQuote(path string) string {
	plain := strings.IndexFunc(path, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-/", r))
	}) < 0
	if strings.HasPrefix(path, "-") {
		path = "./" + path
	}
	if plain {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

const lineBytes = 120

func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) <= lineBytes {
		return s
	}
	return strings.ToValidUTF8(s[:lineBytes], "") + "…"
}
