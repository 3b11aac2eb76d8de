package policy

import (
	"path"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/cmdline"
)

// matchesDenied reports whether a command is what a denylist entry means,
// however it is written. An entry is a program with options and operands
// ("rm -rf", "dd if="), or such things joined by pipes ("curl | sh").
func matchesDenied(entry string, c *cmdline.Command, f *cmdline.Facts) bool {
	if _, ok := redirectEntry(entry); ok {
		return false // judged with the redirections
	}
	stage := entry[strings.LastIndexByte(entry, '|')+1:]
	piped := len(stage) < len(entry)
	if !piped && !mayMatch(stage, c) {
		return false
	}
	last := strings.Fields(stage)
	if len(last) == 0 {
		return false
	}
	if !piped {
		return matchesStage(last, c)
	}
	head, _, _ := strings.Cut(entry, "|")
	if c.Text.Origin != cmdline.OriginDownload && !mayMatch(stage, c) {
		return false
	}
	first := strings.Fields(head)
	if len(first) == 0 {
		return matchesStage(last, c)
	}
	if downloads(first[0]) && runsText(last[0]) {
		return c.Text.Origin == cmdline.OriginDownload
	}
	return matchesStage(last, c) && slices.ContainsFunc(c.Upstream, func(i int) bool {
		return i < len(f.Commands) && matchesStage(first, &f.Commands[i])
	})
}

// mayMatch rules out, without a copy, what no stage of an entry matches.
func mayMatch(stage string, c *cmdline.Command) bool {
	for w := range strings.FieldsSeq(stage) {
		return c.DeletesTree || c.WorldMode || c.Program == w || c.Program == path.Base(w)
	}
	return true
}

func downloads(prog string) bool {
	return slices.Contains([]string{"curl", "wget", "fetch", "aria2c", "lynx", "nc", "http"}, path.Base(prog))
}

func runsText(prog string) bool {
	return slices.Contains([]string{"sh", "bash", "zsh", "dash", "ksh", "python", "python3", "perl", "node", "ruby", "php"}, path.Base(prog))
}

// matchesStage matches one program of an entry with its words.
func matchesStage(words []string, c *cmdline.Command) bool {
	prog := path.Base(words[0])
	if c.Program == "" && !(c.DeletesTree || c.WorldMode) {
		return false
	}
	if prog == "rm" && c.DeletesTree && wants(words[1:], "rf") {
		return true
	}
	if prog == "chmod" && len(words) == 2 && strings.HasSuffix(words[1], "777") {
		return c.WorldMode // in whatever spelling; a file may be called so
	}
	if c.Program != prog {
		return false
	}
	args := c.Argv[1:]
	from := 0
	for _, w := range words[1:] {
		switch {
		case w == "-":
		case strings.HasPrefix(w, "--"):
			if !hasLong(args, strings.TrimPrefix(w, "--")) {
				return false
			}
		case strings.HasPrefix(w, "-"):
			for _, letter := range w[1:] {
				if !hasShort(args, synonyms(prog, letter)) {
					return false
				}
			}
		case strings.HasSuffix(w, "="):
			if !slices.ContainsFunc(args, func(a cmdline.Word) bool {
				return a.Glob && cmdline.GlobsMeet(a.Text, w+"*") || slices.ContainsFunc(a.Values(), func(s string) bool { return strings.HasPrefix(s, w) })
			}) {
				return false
			}
		default:
			at := slices.IndexFunc(args[min(from, len(args)):], func(a cmdline.Word) bool {
				return slices.Contains(a.Values(), w) || a.Glob && cmdline.GlobsMeet(a.Text, w)
			})
			if at < 0 {
				return false
			}
			from += at + 1
		}
	}
	return true
}

// wants reports whether the options of an entry are among letters.
func wants(words []string, letters string) bool {
	for _, w := range words {
		if strings.HasPrefix(w, "--") || !strings.HasPrefix(w, "-") || strings.Trim(w[1:], letters+"R") != "" {
			return false
		}
	}
	return true
}

// synonyms gives the other spellings of a short option: letters, then long
// names.
func synonyms(prog string, letter rune) (names []string) {
	switch prog {
	case "rm":
		switch letter {
		case 'r', 'R':
			return []string{"r", "R", "recursive"}
		case 'f':
			return []string{"f", "force"}
		}
	case "chmod", "chown", "chgrp":
		if letter == 'R' {
			return []string{"R", "recursive"}
		}
	case "git":
		if letter == 'f' {
			return []string{"f", "force"}
		}
	}
	return []string{string(letter)}
}

func hasShort(args []cmdline.Word, names []string) bool {
	for _, n := range names {
		if len(n) > 1 {
			if hasLong(args, n) {
				return true
			}
			continue
		}
		for _, a := range args {
			for i, s := range a.Values() {
				if s == "--" && a.Known {
					break
				}
				if len(s) > 1 && s[0] == '-' && s[1] != '-' && (strings.Contains(s[1:], n) || i == 0 && a.Glob) {
					return true
				}
			}
			if a.Known && a.Text == "--" {
				break
			}
		}
	}
	return false
}

// hasLong finds a long option, abbreviated or with a value.
func hasLong(args []cmdline.Word, name string) bool {
	for _, a := range args {
		if a.Known && a.Text == "--" {
			return false
		}
		for _, s := range a.Values() {
			if t, ok := strings.CutPrefix(s, "--"); ok && t != "" {
				t, _, _ = strings.Cut(t, "=")
				if strings.HasPrefix(name, t) {
					return true
				}
			}
		}
	}
	return false
}
