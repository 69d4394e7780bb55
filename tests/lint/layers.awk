# Reads tests/lib/layers.txt ("layer: layers it may include"), then source files, and
# prints every #include "layer/file.h" that the table does not allow. A layer is the
# folder below src/ or ui/, or store. Public headers (qdebug/) are open to all.
FNR == NR {
	sub(/#.*/, "")
	if (!/:/)
		next
	layer = $0
	sub(/[ \t]*:.*/, "", layer)
	sub(/^[^:]*:/, "")
	known[layer] = allowed[layer, layer] = 1
	for (i = 1; i <= NF; i++)
		allowed[layer, $i] = 1
	next
}
FNR == 1 {
	split(FILENAME, path, "/")
	layer = path[1] == "src" || path[1] == "ui" ? path[2] : path[1]
	if (!(layer in known))
		print FILENAME ": unknown layer " layer
}
/^[ \t]*#[ \t]*include[ \t]+"/ {
	header = $0
	sub(/^[^"]*"/, "", header)
	sub(/".*/, "", header)
	split(header, path, "/")
	if (path[1] != "qdebug" && !((layer, path[1]) in allowed))
		print FILENAME ":" FNR ": " layer " may not include " header
}
