package cmdline

import "strings"

// findTest reads the expression of find, to know what its -delete is about.
type findTest struct {
	args []Word
	at   int
	// deletes: a -delete that no test narrows.
	deletes bool
}

// deletesTree reports an expression that deletes whatever it meets: no test
// that holds for part of the files only stands before the -delete. What is
// negated, or narrows another branch of -o, does not count.
func deletesTree(args []Word) bool {
	t := findTest{args: args}
	for t.at < len(t.args) {
		before := t.at
		t.either(false)
		if t.at == before { // a stray bracket
			t.at++
		}
	}
	return t.deletes
}

// either reads branches up to a closing bracket; it reports whether all of
// them are narrowed.
func (t *findTest) either(narrow bool) bool {
	all := t.every(narrow)
	for t.at < len(t.args) {
		switch t.args[t.at].Text {
		case "-o", "-or", ",":
			t.at++
			all = t.every(narrow) && all
		default:
			return all
		}
	}
	return all
}

// every reads one branch: tests that must all hold.
func (t *findTest) every(narrow bool) bool {
	for negated := false; t.at < len(t.args); {
		switch s := t.args[t.at].Text; s {
		case "-o", "-or", ",", ")":
			return narrow
		case "-a", "-and":
			t.at++
			continue
		case "!", "-not":
			t.at++
			negated = !negated
			continue
		case "(":
			t.at++
			inner := t.either(narrow)
			t.at++
			narrow = narrow || inner && !negated
		case "-delete":
			t.at++
			t.deletes = t.deletes || !narrow
		default:
			narrow = t.test(s) && !negated || narrow
		}
		negated = false
	}
	return narrow
}

// test reads one test or action; it reports whether it narrows.
func (t *findTest) test(s string) bool {
	t.at++
	value := func() string {
		if t.at < len(t.args) {
			t.at++
			return t.args[t.at-1].Text
		}
		return ""
	}
	switch s {
	case "-exec", "-execdir", "-ok", "-okdir":
		for t.at < len(t.args) && t.args[t.at].Text != ";" && (t.args[t.at].Text != "+" || t.args[t.at-1].Text != "{}") {
			t.at++
		}
		t.at++
	case "-type", "-xtype":
		return !strings.Contains(value(), "d")
	case "-name", "-iname", "-path", "-ipath", "-wholename", "-iwholename", "-regex", "-iregex", "-lname", "-ilname":
		return strings.Trim(value(), `*/.\`) != ""
	case "-newer", "-anewer", "-cnewer", "-samefile", "-size", "-mtime", "-mmin", "-ctime", "-cmin", "-atime", "-amin":
		value()
		return true
	case "-empty":
		return true
	case "-user", "-group", "-uid", "-gid", "-perm", "-links", "-inum", "-fstype", "-used", "-maxdepth", "-mindepth", "-printf", "-context", "-regextype",
		"-fprint", "-fprint0", "-fls", "-files0-from":
		value()
	case "-fprintf":
		value()
		value()
	default:
		if strings.HasPrefix(s, "-newer") && len(s) == len("-newerXY") {
			value()
			return true
		}
	}
	return false
}
