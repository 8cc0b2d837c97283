#!/usr/bin/env bash
# Download data sets into raw/, each file verified: ./download.sh [jsquad] [jaquad]    (default: jsquad)
#
# A file that is there and right is skipped; a cut download is gone on with; nothing wrong is left under its final name.
# JGLUE_URL and JAQUAD_URL name mirrors that hold the files under the same paths. RAW_DIR is where files go [raw].
set -uo pipefail
cd "$(dirname "$0")" || exit 2

JGLUE_URL=${JGLUE_URL:-https://raw.githubusercontent.com/yahoojapan/JGLUE/v1.3.0/datasets/jsquad-v1.3}
JAQUAD_URL=${JAQUAD_URL:-https://raw.githubusercontent.com/SkelterLabsInc/JaQuAD/23f5d72/data}
RAW_DIR=${RAW_DIR:-raw}

fail() {
    echo "download.sh: $*" >&2
    exit 2
}

# The git blob id of a file: SHA-1 of a header and the content.
blob_id() {
    { printf 'blob %s\0' "$(wc -c <"$1" | tr -d ' ')"; cat "$1"; } | sha1sum | cut -d' ' -f1
}

# fetch URL FILE BLOB_ID
fetch() {
    local url=$1 file=$RAW_DIR/$2 id=$3
    if [ -f "$file" ] && [ "$(blob_id "$file")" = "$id" ]; then
        echo "  $file is there"
        return
    fi
    mkdir -p "$(dirname "$file")" || fail "$(dirname "$file"): cannot be made"
    local part=$file.part status
    # A mirror may not know how to go on in the middle of a file: then curl says 33, and the file is begun again.
    curl --fail --location --silent --show-error --retry 2 --connect-timeout 20 --continue-at - --output "$part" "$url"
    status=$?
    if [ $status = 33 ] || { [ $status = 22 ] && [ -s "$part" ]; }; then
        rm -f "$part"
        curl --fail --location --silent --show-error --retry 2 --connect-timeout 20 --output "$part" "$url"
        status=$?
    fi
    if [ $status = 22 ]; then
        rm -f "$part"
        fail "$url: the server does not have it; give a mirror (see the head of download.sh)"
    fi
    [ $status = 0 ] || fail "$url: no answer, or cut off (curl says $status); run the same command again to go on"
    if [ "$(blob_id "$part")" != "$id" ]; then
        rm -f "$part"
        fail "$url: not the file that is expected (its git blob id is not $id); nothing was kept"
    fi
    mv "$part" "$file"
    echo "  $file"
}

# files URL FOLDER: reads lines of `blob-id path`
files() {
    local id path
    while read -r id path; do
        fetch "$1/$path" "$2/$path" "$id"
    done
}

jsquad() {
    echo "JSQuAD 1.3 (JGLUE 1.3.0, yahoojapan/JGLUE), CC BY-SA 4.0"
    files "$JGLUE_URL" jsquad <<'END'
87b42821ac5487246164483d625b928bf8904344 train-v1.3.json
bcde414e0b7131607bb1fa2c4542dd888f68771a valid-v1.3.json
d767ef7eb4785f733eb46614980905b0bcbd3111 test-v1.3.json
END
}

jaquad() {
    echo "JaQuAD 0.1.0 (SkelterLabsInc/JaQuAD), CC BY-SA 3.0"
    files "$JAQUAD_URL" jaquad <<'END'
bdc9a782b7d7f24e9ef6fb4d10e8959ebc7508df dev/jaquad_dev_0000.json
93a2708ad28959efe78d7a5c669a717debe2c59b dev/jaquad_dev_0001.json
4fe6060c912d3fc2444ba4c7eafca42548067420 dev/jaquad_dev_0002.json
272703ab78b4a853fb5a6784ef9a2895f2fac3e7 dev/jaquad_dev_0003.json
15b82703a5b063607616d1129b506c103be22ed3 train/jaquad_train_0000.json
18333166c669abeb549c2f9e9d8cddb4acdbd21a train/jaquad_train_0001.json
bdb658167c10e55d58f839f0e1f1f7d7cdfdb3a4 train/jaquad_train_0002.json
752e29d000b72cb6e76ea8061180a85f114e4271 train/jaquad_train_0003.json
836f2dca7bbf150f5a20f80dd4d844fa16e4f829 train/jaquad_train_0004.json
62bc65a81a4e8b798303f9b566db27524c86a421 train/jaquad_train_0005.json
89e8bd28c6d744e25cd1d6aaa3acd277f92934fd train/jaquad_train_0006.json
5f327ecc3f1213c59296307494dbce871d19d220 train/jaquad_train_0007.json
750aedf644c55ddf18e6698c492d8a4fc3df50c4 train/jaquad_train_0008.json
06f489ce355886e1114bc5260262930b1d8ad380 train/jaquad_train_0009.json
664b6993df2b7fc92f1d2b6e36c854ec46b702a6 train/jaquad_train_0010.json
bbc87d5253789d5783595621e54f74b4a37ff7f6 train/jaquad_train_0011.json
c7cdf4173bdb7a407353ac3f9dd445cc72ffd681 train/jaquad_train_0012.json
0e44977533980105a53c682fd0fecf2d3cb7fab8 train/jaquad_train_0013.json
ff8d7510f75b8c0a1b5cd4b99656acf349b7c901 train/jaquad_train_0014.json
15ef62ebfa58fe7209ef0db228ff34f2f93d90b9 train/jaquad_train_0015.json
c7c4e63c14d7a6927624d0bfbe4acaf1d0878dc2 train/jaquad_train_0016.json
627936d2f016c20970a06e621e3e0e38e9ce7d96 train/jaquad_train_0017.json
cb8453dc3530fe0330280fbbffbc51ee4569cb6e train/jaquad_train_0018.json
5ed94d0ea96f236999126def51c3530aec86b3cc train/jaquad_train_0019.json
7325f45e40b442ca6fab7f9563b4d6cdb0a4b9dc train/jaquad_train_0020.json
0f486278419e03ac0ffe9d0dbeb68f7b00482d35 train/jaquad_train_0021.json
a5a9ff12ffef78a65b29b17294bb5ddf4b9e8ea7 train/jaquad_train_0022.json
1cdb3849833167f89ea0209a5453dbe13099dbbd train/jaquad_train_0023.json
e7e1f2bd48910da34fe8b005a83b69d4edb4659a train/jaquad_train_0024.json
6e3651824e35a2136eae17259271e6e80753a587 train/jaquad_train_0025.json
c72b52dd31d062520e4c674b8a6a4832f3d64e95 train/jaquad_train_0026.json
d17e706bf3f253edf83a4b32b6e60d54ed6c678d train/jaquad_train_0027.json
39dab733e8fc61202820f1fa2ba28c8379038887 train/jaquad_train_0028.json
d2bfcbc2b2f56423b036e789e88668f9f1e16315 train/jaquad_train_0029.json
END
}

[ $# -gt 0 ] || set -- jsquad
for name in "$@"; do
    case $name in
        jsquad | jaquad) ;;
        *) fail "unknown data set $name; there are: jsquad jaquad" ;;
    esac
done
command -v curl >/dev/null || fail "curl is needed; install it"
for name in "$@"; do
    "$name"
done
