#!/usr/bin/env bash
# Download data sets into raw/, each file verified.
#
#   ./download.sh                   jsquad
#   ./download.sh jsquad jaquad     each by name
#   ./download.sh all               all of them
#
#   jsquad   raw/jsquad   JSQuAD 1.3, from JGLUE 1.3.0
#   jaquad   raw/jaquad   JaQuAD 0.1.0
#   jaqket   raw/quiz     JAQKET v1: the questions of train, dev1 and dev2, and the texts of their answers
#   aio      raw/quiz     AI王 2: the questions of train and dev, and passages for those of train
#   dpr      raw/quiz     quiz questions with passages, as the DPR retriever reads them
#
# A file that is there and right is skipped. A download that was cut is gone on with: its beginning is kept as FILE.part.
# Nothing wrong is left under a file's final name. The files of jsquad and jaquad are known by their git blob ids; for the
# others the SHA-256 of the first download is written into SHA256SUMS beside them, and holds from then on.
#
# Environment: RAW_DIR is where files go [raw, beside this script]. A mirror that holds the files under the same names can
# be given for each source:
#   JGLUE_URL [https://raw.githubusercontent.com/yahoojapan/JGLUE/v1.3.0/datasets/jsquad-v1.3]
#   JAQUAD_URL [https://raw.githubusercontent.com/SkelterLabsInc/JaQuAD/23f5d72/data]
#   JAQKET_URL, for jaqket, aio and dpr [https://jaqket.s3.ap-northeast-1.amazonaws.com/data]
#   QUIZ_DATASETS_URL, for aio and dpr [https://github.com/cl-tohoku/quiz-datasets/releases/download/v1.0.0]
#
# The exit code is 0 when every file is there and right, 2 when not (with one line on stderr that says why), 130 on Ctrl-C.

set -uo pipefail
cd "$(dirname "$0")" || exit 2

JGLUE_URL=${JGLUE_URL:-https://raw.githubusercontent.com/yahoojapan/JGLUE/v1.3.0/datasets/jsquad-v1.3}
JAQUAD_URL=${JAQUAD_URL:-https://raw.githubusercontent.com/SkelterLabsInc/JaQuAD/23f5d72/data}
JAQKET_URL=${JAQKET_URL:-https://jaqket.s3.ap-northeast-1.amazonaws.com/data}
QUIZ_DATASETS_URL=${QUIZ_DATASETS_URL:-https://github.com/cl-tohoku/quiz-datasets/releases/download/v1.0.0}
RAW_DIR=${RAW_DIR:-raw}
NAMES="jsquad jaquad jaqket aio dpr"

fail() {
    echo "download.sh: $*" >&2
    exit 2
}

# sha BITS: the checksum of standard input, with what the system has (Linux, macOS)
sha() {
    if command -v "sha${1}sum" >/dev/null; then
        "sha${1}sum"
    else
        shasum -a "$1"
    fi
}

# The git blob id of a file: SHA-1 of a header and the content.
blob_id() {
    { printf 'blob %s\0' "$(wc -c <"$1" | tr -d ' ')"; cat "$1"; } | sha 1 | cut -d' ' -f1
}

sha256() {
    sha 256 <"$1" | cut -d' ' -f1
}

# recorded SUMS NAME: the SHA-256 that the file SUMS has for NAME; nothing when it has none.
recorded() {
    local sum name
    [ -f "$1" ] || return
    while read -r sum name; do
        # sha256sum marks a file that it read as binary with a star.
        if [ "${name#\*}" = "$2" ] && [ ${#sum} = 64 ]; then
            echo "$sum"
            return
        fi
    done <"$1"
}

# is_right FILE ID: ID is a git blob id (40 digits) or a SHA-256 (64), or - when neither is known yet.
is_right() {
    [ -s "$1" ] || return 1
    case ${#2} in
        40) [ "$(blob_id "$1")" = "$2" ] ;;
        64) [ "$(sha256 "$1")" = "$2" ] ;;
        *) is_plausible "$1" ;;
    esac
}

# What is recorded at the first download holds for ever, so it must not be the web page of a proxy, or a cut archive.
is_plausible() {
    case ${1%.part} in
        *.gz) gzip -t <"$1" 2>/dev/null ;;
        *) case $(head -c 64 "$1" | tr -d '[:space:]\0') in '' | '<'*) return 1 ;; esac ;;
    esac
}

# curl_to PART URL OPTION...: sets $status (that of curl), $http (the server's) and $message (what curl says, in one line)
curl_to() {
    local part=$1 url=$2 answer line
    shift 2
    # All that curl says is captured: with retries and certificates it is more than one line.
    # A server that sends nothing for a minute is as good as cut off.
    answer=$(curl --fail --location --silent --show-error --retry 2 --retry-max-time 60 --connect-timeout 20 \
        --speed-limit 1 --speed-time 60 --write-out 'HTTP %{http_code}\n' "$@" --output "$part" "$url" 2>&1)
    status=$?
    http=000 message="curl says $status"
    while IFS= read -r line; do
        case $line in
            'HTTP '*) http=${line#HTTP } ;;
            'curl: '*) message=${line#curl: } ;;
        esac
    done <<<"$answer"
}

# download URL PART: gets all of URL into PART, or fails
download() {
    local url=$1 part=$2
    resumed=no
    [ ! -s "$part" ] || resumed=yes
    curl_to "$part" "$url" --continue-at -
    # A server may not know how to go on in the middle of a file (curl's 33), or have a file that ends before our
    # beginning does (416, which curl may count as a success): then the file is begun again.
    if [ "$status" = 33 ] || [ "$http" = 416 ]; then
        rm -f "$part"
        resumed=no
        curl_to "$part" "$url"
    fi
    case $status in
        0) ;;
        22)
            case $http in
                404 | 410) fail "$url: the server does not have it (HTTP $http); give a mirror (see ./download.sh --help)" ;;
                *) fail "$url: the server does not give it (HTTP $http); try again later or give a mirror (see --help)" ;;
            esac
            ;;
        5 | 6 | 7) fail "$url: no network, or no such server: $message" ;;
        23) fail "$part: cannot be written; is the disk full?" ;;
        18 | 28 | 52 | 55 | 56 | 92) fail "$url: cut off: $message; run the same command again to go on" ;;
        *) fail "$url: cannot be downloaded: $message" ;;
    esac
}

# fetch URL FILE ID: ID is the git blob id, or - when SHA256SUMS is to be used
fetch() {
    local url=$1 file=$RAW_DIR/$2 id=$3
    local folder=${file%/*} part=$file.part
    local sums=$folder/SHA256SUMS record=no
    if [ "$id" = - ]; then
        id=$(recorded "$sums" "${file##*/}")
        [ -n "$id" ] || record=yes
    fi
    [ ! -d "$file" ] || fail "$file: is a folder"
    # A file that someone put there by hand counts as the first download, too.
    if is_right "$file" "$id"; then
        [ $record = no ] || record_sum "$sums" "$file" "${file##*/}"
        echo "  $file is there"
        return
    fi
    if ! mkdir -p "$folder" 2>/dev/null || [ ! -w "$folder" ]; then
        fail "$folder: cannot be written"
    fi
    # A run may have been stopped between the end of the download and the renaming.
    if [ $record = yes ] || ! is_right "$part" "$id"; then
        echo "  $file, from $url"
        download "$url" "$part"
        if [ "$resumed" = yes ] && ! is_right "$part" "$id"; then
            # The beginning may have been that of another version of the file.
            rm -f "$part"
            download "$url" "$part"
        fi
        if ! is_right "$part" "$id"; then
            rm -f "$part"
            case ${#id} in
                40) fail "$url: not the file that is expected (its git blob id is not $id); nothing was kept" ;;
                64) fail "$url: not the file that $sums records; nothing was kept; if it was changed there, delete its line" ;;
                *) fail "$url: not a data file (a web page, empty, or a broken archive); nothing was kept" ;;
            esac
        fi
    fi
    # The record comes before the name: a file under its final name always has one.
    [ $record = no ] || record_sum "$sums" "$part" "${file##*/}"
    mv -f "$part" "$file" 2>/dev/null || fail "$file: cannot be written"
}

# record_sum SUMS FILE NAME: the line that sha256sum --check reads
record_sum() {
    { printf '%s  %s\n' "$(sha256 "$2")" "$3" >>"$1"; } 2>/dev/null || fail "$1: cannot be written"
}

# files URL FOLDER: reads lines of `id path`
files() {
    local id path
    while read -r id path; do
        fetch "${1%/}/$path" "$2/$path" "$id"
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

QUIZ_LICENCE="questions CC BY-SA 4.0, but those of abc/EQIDEN may not be redistributed; Wikipedia texts CC BY-SA 3.0"

jaqket() {
    echo "JAQKET v1: $QUIZ_LICENCE"
    files "$JAQKET_URL/aio_01" quiz <<'END'
- train_questions.json
- dev1_questions.json
- dev2_questions.json
- all_entities.json.gz
END
}

aio() {
    echo "AI王 2 (AIO2; cl-tohoku/quiz-datasets): $QUIZ_LICENCE"
    files "$JAQKET_URL/aio_02" quiz <<'END'
- aio_02_train.jsonl
- aio_02_dev_v1.0.jsonl
END
    files "$QUIZ_DATASETS_URL" quiz <<'END'
- datasets.jawiki-20220404-c400-large.aio_02_train.jsonl.gz
END
}

dpr() {
    echo "DPR retriever files (AIO2; cl-tohoku/quiz-datasets): $QUIZ_LICENCE"
    files "$QUIZ_DATASETS_URL" quiz <<'END'
- dpr.retriever.jawiki-20220404-c400-large.aio_02_train.json.gz
- dpr.retriever.jawiki-20220404-c400-large.aio_02_dev.json.gz
END
    files "$JAQKET_URL/aio_02/retriever" quiz <<'END'
- abc_01-12.json.gz
- aio_01_dev.json.gz
- aio_01_test.json.gz
- aio_01_unused.json.gz
END
}

[ $# -gt 0 ] || set -- jsquad
wanted=""
for name in "$@"; do
    case $name in
        -h | --help)
            # The head comment, without its marks.
            sed -n '2,/^[^#]*$/s/^# \{0,1\}//p' "$(basename "$0")"
            exit
            ;;
        all) wanted="$wanted $NAMES" ;;
        jsquad | jaquad | jaqket | aio | dpr) wanted="$wanted $name" ;;
        *) fail "unknown data set '$name'; there are: $NAMES all" ;;
    esac
done
for tool in curl gzip; do
    command -v "$tool" >/dev/null || fail "$tool is needed; install it"
done
trap 'echo "download.sh: stopped; run the same command again to go on" >&2; exit 130' INT
for name in $wanted; do
    "$name"
done
