import java.sql.*;
import java.util.*;

/** Asks a database what tests/bi/expected.py says and prints the answer as one JSON object: URL, ROLE, QUESTIONS, WHAT. */
public class Reader {
    static final int FETCH = 10_000;

    public static void main(String[] arguments) throws Exception {
        String[] questions = arguments[2].split("\u0001", -1);
        try (Connection connection = DriverManager.getConnection(arguments[0], arguments[1], "")) {
            StringBuilder out = new StringBuilder();
            switch (arguments[3]) {
                case "views" -> views(connection, out);
                case "rows" -> rows(connection, questions, out);
                case "page" -> page(connection, questions[0], FETCH, out);
                case "whole" -> page(connection, questions[0], 0, out);
                default -> write(connection, questions, out);
            }
            System.out.println(out);
        } catch (OutOfMemoryError error) {
            System.out.println("\"out of memory\"");
        }
    }

    /** {view: {"": comment, column: comment}}, from the metadata that DBeaver and Metabase read. */
    static void views(Connection connection, StringBuilder out) throws SQLException {
        DatabaseMetaData about = connection.getMetaData();
        Map<String, String> comments = new TreeMap<>();
        try (ResultSet views = about.getTables(null, "public", "%", new String[] {"VIEW"})) {
            while (views.next()) comments.put(views.getString("TABLE_NAME"), views.getString("REMARKS"));
        }
        String separator = "{";
        for (Map.Entry<String, String> view : comments.entrySet()) {
            out.append(separator).append(text(view.getKey())).append(":{\"\":").append(text(view.getValue()));
            try (ResultSet columns = about.getColumns(null, "public", view.getKey(), "%")) {
                while (columns.next())
                    out.append(",").append(text(columns.getString("COLUMN_NAME"))).append(":").append(text(columns.getString("REMARKS")));
            }
            out.append("}");
            separator = ",";
        }
        out.append(separator.equals("{") ? "{}" : "}");
    }

    /** A list of rows for each question. */
    static void rows(Connection connection, String[] questions, StringBuilder out) throws SQLException {
        out.append("[");
        for (int i = 0; i < questions.length; i++) {
            out.append(i == 0 ? "[" : ",[");
            try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery(questions[i])) {
                int n = rows.getMetaData().getColumnCount();
                for (boolean first = true; rows.next(); first = false) {
                    out.append(first ? "[" : ",[");
                    for (int column = 1; column <= n; column++) out.append(column == 1 ? "" : ",").append(value(rows, column));
                    out.append("]");
                }
            }
            out.append("]");
        }
        out.append("]");
    }

    /** Rows, and the sum of their second column, in whatever heap the virtual machine was given. */
    static void page(Connection connection, String question, int fetch, StringBuilder out) throws SQLException {
        connection.setAutoCommit(false); // else the driver takes the whole result at once, whatever the fetch size
        long seen = 0, total = 0;
        try (Statement statement = connection.createStatement()) {
            statement.setFetchSize(fetch);
            try (ResultSet rows = statement.executeQuery(question)) {
                for (; rows.next(); seen++) total += rows.getLong(2);
            }
        }
        out.append("[").append(seen).append(",").append(total).append("]");
    }

    /** The SQLSTATE that each statement ends with. */
    static void write(Connection connection, String[] statements, StringBuilder out) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute("set default_transaction_read_only = off");
        }
        for (int i = 0; i < statements.length; i++) {
            String state = "done";
            try (Statement statement = connection.createStatement()) {
                statement.execute(statements[i]);
            } catch (SQLException error) {
                state = error.getSQLState();
            }
            out.append(i == 0 ? "[" : ",").append(text(state));
        }
        out.append("]");
    }

    static String value(ResultSet rows, int column) throws SQLException {
        Object given = rows.getObject(column);
        if (given == null) return "null";
        if (given instanceof Timestamp time) {
            return Long.toString(Math.floorDiv(time.getTime(), 1000L) * 1_000_000L + time.getNanos() / 1000);
        }
        return given instanceof Number || given instanceof Boolean ? given.toString() : text(given.toString());
    }

    static String text(String given) {
        if (given == null) return "null";
        StringBuilder out = new StringBuilder("\"");
        for (char c : given.toCharArray()) {
            if (c == '"' || c == '\\') out.append('\\').append(c);
            else if (c < ' ' || c > '~') out.append(String.format("\\u%04x", (int) c));
            else out.append(c);
        }
        return out.append('"').toString();
    }
}
