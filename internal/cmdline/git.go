package cmdline

import (
	"slices"
	"strings"
)

// git commands that are git's own; any other word is an alias or a program.
const gitCommands = "add am annotate apply archive bisect blame branch bundle cat-file check-attr check-ignore check-mailmap check-ref-format checkout checkout-index cherry cherry-pick clean clone column commit commit-graph commit-tree config count-objects describe diff diff-files diff-index diff-tree difftool fast-export fetch fetch-pack filter-branch for-each-ref format-patch fsck gc grep hash-object help index-pack init interpret-trailers log ls-files ls-remote ls-tree mailinfo mailsplit maintenance merge merge-base merge-file merge-index merge-tree mktag mktree multi-pack-index mv name-rev notes pack-objects pack-refs patch-id prune pull push range-diff read-tree rebase reflog remote repack replace request-pull rerere reset restore rev-list rev-parse revert rm send-pack shortlog show show-branch show-index show-ref sparse-checkout stage stash status stripspace submodule switch symbolic-ref tag unpack-objects update-index update-ref update-server-info upload-archive var verify-commit verify-pack verify-tag version whatchanged worktree write-tree"

// gitHelpers are commands whose purpose is to start another program.
const gitHelpers = "daemon instaweb difftool mergetool hook send-email imap-send svn p4 cvsserver cvsimport gui citool web--browse shell credential credential-store credential-cache fast-import remote-ext remote-fd http-backend upload-pack receive-pack filter-branch"

// gitRuns are options whose value is a program, or that switch one on.
const gitRuns = "ext-diff upload-pack receive-pack exec open-files-in-pager extcmd httpd smtp-server access-hook sendmail-cmd to-cmd cc-cmd tree-filter index-filter msg-filter env-filter parent-filter commit-filter tag-name-filter setup browser tool-help config-env unsafe-paths textconv filters"

// gitText lists options with a value that is no path.
const gitText = "message author committer grep format pretty date since until after before abbrev max-count skip branches tags remotes glob exclude diff-filter word-diff word-diff-regex stat color decorate sort points-at contains merged no-merged track set-upstream-to depth shallow-since shallow-exclude branch origin jobs filter strategy strategy-option cleanup trailer fixup squash reuse-message reedit-message edit onto empty ignore-submodules unified inter-hunk-context find-renames find-copies diff-algorithm anchored src-prefix dst-prefix line-prefix relative-date signature subject-prefix in-reply-to suffix start-number notes gpg-sign local-user key user match candidates expire prune whitespace mode push-option recurse-submodules refmap server-option default-branch object-format initial-branch type default get-color value-pattern pathspec-from-nul line-range"

const gitPath = "git-dir work-tree exec-path separate-git-dir template reference reference-if-able file contents output output-directory pathspec-from-file exclude-from exclude-standard patch-with prefix index-output super-prefix blob-file directory mailmap ignore-revs-file attr-source get-regexp-file add-file add-virtual-file upload-archive"

// git judges git's own options, its subcommand's and its configuration.
func (a *analyser) git(cmd *Command, c ctx) {
	args := cmd.Argv[1:]
	inline := func(s string) { cmd.Inline = append(cmd.Inline, s) }
	i := 0
	for ; i < len(args) && strings.HasPrefix(args[i].Text, "-") && args[i].Hole != 0; i++ {
		t := args[i].Text
		name, v, has := strings.Cut(t, "=")
		switch {
		case t == "-C" && i+1 < len(args):
			i++
			a.use(cmd, args[i], Read, c.bases)
			if args[i].Text != "" {
				c.bases = union(a.st.cwds, a.resolve(args[i].Text, false, a.st.cwds))
			}
		case t == "-c" && i+1 < len(args):
			i++
			a.gitSetting(cmd, args[i], c)
		case strings.HasPrefix(t, "-C") && len(t) > 2:
			a.use(cmd, sub(args[i], t[2:]), Read, c.bases)
		case strings.HasPrefix(t, "-c") && len(t) > 2:
			a.gitSetting(cmd, sub(args[i], t[2:]), c)
		case name == "--config-env":
			inline("configuration from the environment")
			if !has {
				i++
			}
		case name == "--git-dir" || name == "--work-tree" || name == "--exec-path" || name == "--namespace" || name == "--super-prefix" || name == "--attr-source":
			w := sub(args[i], v)
			if !has && name != "--exec-path" && i+1 < len(args) {
				i++
				w = args[i]
			}
			if w.Text != "" && name != "--namespace" {
				a.use(cmd, w, Read, c.bases)
			}
			if name == "--exec-path" && has || name == "--git-dir" {
				inline("foreign code or configuration (" + name + ")")
			}
		}
	}
	if i >= len(args) {
		return
	}
	if !args[i].Known {
		return
	}
	verb, rest := args[i].Text, args[i+1:]
	switch {
	case listed(gitHelpers, verb):
		inline("git " + verb + " starts another program")
	case !listed(gitCommands, verb):
		inline("git " + Visible(verb) + " is not one of git's own commands")
	}
	a.gitVerb(cmd, verb, rest, c)
}

// gitSetting is a KEY=VALUE that configures git for this run.
func (a *analyser) gitSetting(cmd *Command, w Word, c ctx) {
	key, v, _ := strings.Cut(w.Text, "=")
	if gitBenign(key) {
		if transport(v) {
			cmd.Inline = append(cmd.Inline, "a transport that runs a program")
		}
		return
	}
	cmd.Inline = append(cmd.Inline, "git configuration "+Visible(key))
	k := strings.ToLower(key)
	if s, ok := strings.CutPrefix(v, "!"); ok {
		a.carriedText(cmd, sub(w, s), c, "git")
	} else if strings.HasPrefix(k, "pager.") || strings.HasSuffix(k, "pager") || strings.HasSuffix(k, "editor") || strings.HasSuffix(k, "command") || strings.HasSuffix(k, ".cmd") ||
		strings.HasSuffix(k, ".external") || strings.HasSuffix(k, "fsmonitor") || strings.HasSuffix(k, ".textconv") || strings.HasSuffix(k, ".smudge") || strings.HasSuffix(k, ".clean") {
		a.carriedText(cmd, sub(w, v), c, "git")
	}
}

// gitBenign reports settings that name no program, file or transport.
func gitBenign(key string) bool {
	k := strings.ToLower(key)
	for _, p := range []string{"color.", "advice.", "log.", "user.", "author.", "committer.", "column.", "status.", "branch.sort", "push.default", "push.autosetupremote", "push.followtags", "pull.", "rebase.auto", "rebase.stat", "rebase.update", "merge.ff", "merge.conflictstyle", "merge.log",
		"merge.renames", "fetch.prune", "fetch.parallel", "fetch.all", "diff.algorithm", "diff.renames", "diff.context", "diff.color", "diff.mnemonicprefix", "diff.noprefix", "diff.submodule", "diff.wserrorhighlight", "grep.", "gc.auto", "pack.", "http.postbuffer", "http.lowspeed", "http.version", "init.defaultbranch",
		"commit.gpgsign", "commit.verbose", "tag.gpgsign", "tag.sort", "core.quotepath", "core.autocrlf", "core.abbrev", "core.filemode", "core.ignorecase", "core.safecrlf", "core.eol", "core.longpaths", "core.compression", "core.bare", "core.logallrefupdates", "core.precomposeunicode", "core.whitespace", "stash.", "rerere.", "checkout.", "blame.", "help.autocorrect-off", "i18n.", "index.", "feature.", "apply.", "am.", "format.signature", "format.subjectprefix", "submodule.recurse", "transfer.", "receive.deny"} {
		if strings.HasPrefix(k, p) {
			return true
		}
	}
	parts := strings.Split(k, ".")
	return len(parts) > 2 && (parts[0] == "branch" && (parts[len(parts)-1] == "remote" || parts[len(parts)-1] == "merge" || parts[len(parts)-1] == "description" || parts[len(parts)-1] == "rebase") ||
		parts[0] == "remote" && (parts[len(parts)-1] == "fetch" || parts[len(parts)-1] == "prune" || parts[len(parts)-1] == "url"))
}

// gitVerb judges the words of one subcommand.
func (a *analyser) gitVerb(cmd *Command, verb string, rest []Word, c ctx) {
	inline := func(s string) { cmd.Inline = append(cmd.Inline, s) }
	switch verb {
	case "config":
		a.gitConfig(cmd, rest, c)
		return
	case "bisect":
		if len(rest) > 0 && rest[0].Text == "run" {
			inline("git bisect run")
			c.role, c.via = RoleCarried, append(slices.Clone(c.via), "git")
			a.simple(rest[1:], c)
			return
		}
		if len(rest) > 0 && listed("view visualize", rest[0].Text) {
			inline("git bisect " + rest[0].Text + " starts a viewer")
		}
	case "submodule":
		if j := slices.IndexFunc(rest, func(w Word) bool { return w.Text == "foreach" }); j >= 0 {
			inline("git submodule foreach")
			words := rest[j+1:]
			for len(words) > 0 && strings.HasPrefix(words[0].Text, "-") {
				words = words[1:]
			}
			a.eval(cmd, words, ctx{role: RoleCarried, via: append(slices.Clone(c.via), "git")})
			return
		}
	case "merge", "pull", "rebase", "cherry-pick", "revert":
		for j, w := range rest {
			s, ok := strings.CutPrefix(w.Text, "--strategy=")
			if w.Text == "-s" && verb != "cherry-pick" && verb != "revert" && j+1 < len(rest) {
				s, ok = rest[j+1].Text, true
			}
			if ok && !listed("ort recursive resolve octopus ours subtree", s) {
				inline("a merge program named by an option")
			}
		}
	case "help":
		if len(rest) > 0 {
			inline("git help starts a viewer")
		}
	case "clone":
		a.gitClone(cmd, rest)
	case "log":
		for j, w := range rest { // -L RANGE:FILE
			s, ok := strings.CutPrefix(w.Text, "-L")
			if ok && s == "" && j+1 < len(rest) {
				w, s = rest[j+1], rest[j+1].Text
			}
			if k := strings.LastIndexByte(s, ':'); ok && k >= 0 {
				a.use(cmd, sub(w, s[k+1:]), Read, c.bases)
			}
		}
	case "maintenance":
		if len(rest) > 0 && (rest[0].Text == "start" || rest[0].Text == "register") {
			inline("git maintenance schedules programs")
		}
	}
	a.gitWords(cmd, verb, rest, c)
}

func (a *analyser) gitClone(cmd *Command, rest []Word) {
	var ops []Word
	for j := 0; j < len(rest); j++ {
		t := rest[j].Text
		if strings.HasPrefix(t, "-c") || strings.HasPrefix(t, "--conf") {
			cmd.Inline = append(cmd.Inline, "git configuration by clone")
		}
		if !strings.HasPrefix(t, "-") {
			ops = append(ops, rest[j])
		} else if takes("branch depth origin template reference jobs", strings.TrimPrefix(t, "--")) || t == "-b" || t == "-o" || t == "-j" || t == "-u" || t == "-c" {
			j++
		}
	}
	if len(ops) > 0 {
		u := ops[len(ops)-1]
		if len(ops) == 1 {
			u = named(u, "")
			u.Text = strings.TrimSuffix(u.Text, ".git")
		}
		a.writes(u, OriginDownload, true)
	}
}

// gitConfig is `git config`: reading is fine, a key that names a program is
// not.
func (a *analyser) gitConfig(cmd *Command, rest []Word, c ctx) {
	var ops []Word
	write := true
	for j := 0; j < len(rest); j++ {
		t := rest[j].Text
		name, v, has := strings.Cut(t, "=")
		switch {
		case t == "-f" || name == "--file" || name == "--blob":
			w := sub(rest[j], v)
			if !has && j+1 < len(rest) {
				j++
				w = rest[j]
			}
			a.use(cmd, w, Read, c.bases)
		case strings.HasPrefix(t, "-f") && t[1] != '-' && len(t) > 2:
			a.use(cmd, sub(rest[j], t[2:]), Read, c.bases)
		case t == "-e" || strings.HasPrefix(t, "--ed"):
			cmd.Inline = append(cmd.Inline, "an editor")
		case t == "--global" || t == "--system" || strings.HasPrefix(t, "--glo") || strings.HasPrefix(t, "--sys"):
			if !slices.ContainsFunc(rest, func(w Word) bool {
				return strings.HasPrefix(w.Text, "--get") || w.Text == "-l" || w.Text == "--list" || w.Text == "get" || w.Text == "list"
			}) {
				cmd.Inline = append(cmd.Inline, "configuration outside the workspace")
			}
		case strings.HasPrefix(t, "--get") || t == "--list" || t == "-l" || strings.HasPrefix(t, "--unset") || strings.HasPrefix(t, "--remove-section") || t == "get" || t == "list" || t == "unset":
			write = false
		case t == "set" || strings.HasPrefix(t, "-"):
		case t == "edit":
			cmd.Inline = append(cmd.Inline, "an editor")
		default:
			ops = append(ops, rest[j])
		}
	}
	if write && len(ops) > 1 {
		key, v := ops[0], ops[1]
		w := key
		w.Text = key.Text + "=" + v.Text
		w.Known = w.Known && v.Known
		a.gitSetting(cmd, w, c)
		if strings.Contains(v.Text, "::") {
			cmd.Inline = append(cmd.Inline, "a transport that runs a program")
		}
	}
}

// gitWords reads options and operands of a subcommand.
func (a *analyser) gitWords(cmd *Command, verb string, rest []Word, c ctx) {
	inline := func(s string) { cmd.Inline = append(cmd.Inline, s) }
	pattern := verb == "grep"
	messages := listed("commit tag merge notes stash revert cherry-pick am commit-tree", verb)
	logs := listed("log show shortlog whatchanged rev-list diff format-patch blame", verb)
	for j := 0; j < len(rest); j++ {
		w := rest[j]
		t := w.Text
		next := func() (Word, bool) {
			if j+1 < len(rest) {
				j++
				return rest[j], true
			}
			return Word{}, false
		}
		switch {
		case t == "--":
			for _, x := range rest[j+1:] {
				a.operand(cmd, x, Read, c.bases)
			}
			return
		case strings.HasPrefix(t, "--") && w.Hole != 0:
			j += a.gitLong(cmd, verb, rest, j, &pattern, c)
		case len(t) > 1 && t[0] == '-' && w.Hole != 0:
			letter := t[1]
			switch {
			case verb == "rebase" && strings.Trim(t[1:strings.IndexByte(t+"x", 'x')], "iqvnfkm") == "" && strings.Contains(t, "x"):
				inline("git rebase -x")
				x := sub(w, t[strings.IndexByte(t, 'x')+1:])
				if x.Text == "" {
					x, _ = next()
				}
				a.carriedText(cmd, x, c, "git")
			case verb == "grep" && strings.Contains(t, "O"), verb == "clone" && letter == 'u', verb == "difftool" && letter == 'x':
				inline("a program named by " + t[:2])
				if letter == 'u' && len(t) == 2 {
					next()
				}
			case len(t) == 2 && verb == "blame" && letter == 'S' || verb == "grep" && strings.HasSuffix(t, "f"):
				if x, ok := next(); ok {
					a.operand(cmd, x, Read, c.bases)
				}
				if verb == "grep" {
					pattern = false
				}
			case messages && strings.HasSuffix(t, "m") || logs && (letter == 'S' || letter == 'G' || letter == 'L' || letter == 'n') && len(t) == 2,
				verb == "grep" && strings.HasSuffix(t, "e"), len(t) == 2 && strings.IndexByte("bB", letter) >= 0 && (verb == "checkout" || verb == "switch"):
				if verb == "grep" {
					pattern = false
				}
				next()
			case messages && letter == 'm', logs && (letter == 'S' || letter == 'G' || letter == 'L'), verb == "grep" && letter == 'e':
			case strings.ContainsAny(t, "/~") || strings.Contains(t, ".."):
				k := strings.IndexAny(t, "/~.")
				a.option(cmd, sub(w, t[k:]), t[k:], c.bases)
			}
		case pattern:
			pattern = false
		default:
			if verb == "pull" && strings.Contains(t, "://") {
				a.writes(lit("."), OriginDownload, true)
			}
			a.gitOperand(cmd, w, c)
		}
	}
}

// transport reports an address such as ext::COMMAND.
func transport(t string) bool {
	k := strings.Index(t, "::")
	return k > 0 && strings.Trim(t[:k], "abcdefghijklmnopqrstuvwxyz0123456789+-") == ""
}

func (a *analyser) gitOperand(cmd *Command, w Word, c ctx) {
	t := w.Text
	if transport(t) {
		cmd.Inline = append(cmd.Inline, "a transport that runs a program")
		return
	}
	if strings.HasPrefix(t, ":(") || strings.HasPrefix(t, ":!") || strings.HasPrefix(t, ":^") {
		if k := strings.IndexAny(t, ")!^"); k > 0 {
			a.operand(cmd, sub(w, t[k+1:]), Read, c.bases)
			return
		}
	}
	a.operand(cmd, w, Read, c.bases)
}

// gitLong judges one long option; it returns how many further words it used.
func (a *analyser) gitLong(cmd *Command, verb string, rest []Word, j int, pattern *bool, c ctx) int {
	w := rest[j]
	name, v, has := strings.Cut(w.Text[2:], "=")
	val, used := sub(w, v), 0
	value := func() {
		if !has && j+1 < len(rest) {
			val, used = rest[j+1], 1
		}
	}
	if transport(v) {
		cmd.Inline = append(cmd.Inline, "a transport that runs a program")
	}
	if len(name) > 1 && takes(gitRuns, name) && !listed(gitText+" "+gitPath+" exclude exit-code edit-todo no-ext-diff set-upstream-to uploadpack-off setup-off", name) && !(name == "index" && verb == "apply") {
		cmd.Inline = append(cmd.Inline, "a program named or switched on by --"+name)
		if strings.HasPrefix("exec", name) && verb == "rebase" || strings.HasSuffix(name, "-filter") || name == "setup" {
			value()
			a.carriedText(cmd, val, c, "git")
			return used
		}
		if has {
			a.option(cmd, w, v, c.bases)
		}
		return 0
	}
	switch {
	case name == "no-index":
		*pattern = *pattern && verb == "grep"
	case takes(gitText, name) && !listed(gitPath, name):
		if listed("message author grep date since until after before max-count skip strategy strategy-option depth branch origin jobs trailer format pretty onto sort match branches-off file-off", name) && !has &&
			!listed("format pretty branches tags", name) {
			value()
		}
	case takes(gitPath, name):
		if !listed("prefix output-off exclude-standard", name) || has {
			value()
		}
		if len(name) > 2 && strings.HasPrefix("template", name) {
			cmd.Inline = append(cmd.Inline, "hooks from a template folder")
		}
		if name != "exclude-standard" && val.Text != "" && val.Text != "-" {
			a.useText(cmd, val, val.Text, Read, c.bases)
		}
	case has:
		a.option(cmd, w, v, c.bases)
	}
	return used
}
